"""docs/recipes.md: the files of each recipe are those that name its sample, all of them and no others."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest

from local.settings import ROOT
from mandates.core.stripe_events.projection import HANDLED_TYPES
from tests.functions import FUNCTIONS, folder_of

LAYER = "layers/mandates/python/mandates/"
RECIPES = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
DOCUMENTS = ("docs/*", "CHANGELOG.md", "tests/unit/test_recipes.py")
"""May name a sample for reasons of their own."""

FUNCTION_OF_THE_ROUTE = {
    route: folder_of(name) for name, entry in FUNCTIONS.items() for route in entry.routes
}


@dataclass(frozen=True)
class Recipe:
    """The `files` are patterns of paths from the root."""

    sample: str
    files: tuple[str, ...]


def recipes(text: str) -> dict[str, Recipe]:
    """By heading. A file is a path in code within the numbered steps."""
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        if not re.search(r"^Sample: ", section, flags=re.MULTILINE):
            continue  # it touches files that name no single example
        sample = re.findall(r"^Sample: `(.+)`$", section, flags=re.MULTILINE)[0]
        steps = re.findall(r"^\d+\. .*(?:\n   .*)*", section, flags=re.MULTILINE)
        paths = re.findall(r"`([\w./<>*-]+\.(?:yaml|json|svg|py|md|ts|js))`", "\n".join(steps))
        function = FUNCTION_OF_THE_ROUTE.get(sample, sample)
        files = (path.replace("<function>", function) for path in paths if path != "functions/Makefile")
        found[section.partition("\n")[0]] = Recipe(
            sample, tuple(file if (ROOT / file.split("/")[0]).exists() else LAYER + file for file in files)
        )
    return found


def naming(sample: str) -> re.Pattern[str]:
    """How a file names it: an event by its type, a route by its path, a function by folder or resource."""
    if sample in HANDLED_TYPES:
        return re.compile(re.escape(sample))
    if sample in FUNCTION_OF_THE_ROUTE:
        path = re.sub(r"\\{\w+\\}", r"[^\\s/]+", re.escape(sample.partition(" ")[2]))
        return re.compile(path + r"\b")
    (logical_id,) = (name for name in FUNCTIONS if folder_of(name) == sample)
    return re.compile(rf"(?<!api:)\b{sample}\b|\b{logical_id}")  # `api:…` is the source of a fact


def problems(recipe: Recipe, files: Mapping[str, str]) -> list[str]:
    """`files` are the texts by path; a path names a function, too."""
    named = naming(recipe.sample)
    naming_it = {path for path, text in files.items() if named.search(text) or named.search(path)}
    stale = [
        f"{pattern}: does not name {recipe.sample}"
        for pattern in recipe.files
        if not any(fnmatchcase(path, pattern) for path in naming_it)
    ]
    listed = (*recipe.files, *DOCUMENTS)
    return stale + [
        f"{path}: names {recipe.sample}, and the recipe does not list it"
        for path in sorted(naming_it)
        if not any(fnmatchcase(path, pattern) for pattern in listed)
    ]


def tracked() -> dict[str, str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return texts(listed.stdout.split("\0"))


def texts(paths: Iterable[str]) -> dict[str, str]:
    found = {}
    for path in filter(None, paths):
        try:
            found[path] = (ROOT / path).read_text(encoding="utf-8")
        except (
            UnicodeDecodeError,
            FileNotFoundError,
        ):  # a picture; a file that was removed and not committed
            continue
    return found


FILES = tracked()


def test_there_is_a_recipe_for_each_kind_of_addition() -> None:
    samples = {heading: recipe.sample for heading, recipe in recipes(RECIPES).items()}
    assert samples.keys() == {"Add a Stripe event", "Add a route", "Add a function"}
    assert samples["Add a Stripe event"] in HANDLED_TYPES
    assert samples["Add a route"] in FUNCTION_OF_THE_ROUTE
    assert samples["Add a function"] in map(folder_of, FUNCTIONS)


@pytest.mark.parametrize("recipe", recipes(RECIPES).values(), ids=recipes(RECIPES).keys())
def test_a_recipe_lists_the_files_that_name_its_sample(recipe: Recipe) -> None:
    assert len(recipe.files) > 5
    assert problems(recipe, FILES) == []


@pytest.mark.parametrize("recipe", recipes(RECIPES).values(), ids=recipes(RECIPES).keys())
def test_a_stale_recipe_is_found(recipe: Recipe) -> None:
    fewer = Recipe(recipe.sample, recipe.files[1:])
    one_more = Recipe(recipe.sample, (*recipe.files, "Makefile"))
    assert any(problem.endswith("does not list it") for problem in problems(fewer, FILES))
    assert problems(one_more, FILES) == [f"Makefile: does not name {recipe.sample}"]

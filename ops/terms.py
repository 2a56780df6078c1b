"""Publishes the terms that customers agree to."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from mandates.core.canonical import canonical_json
from mandates.core.charging.amazon_caps import limits_above_amazons
from mandates.core.clock import Instant
from mandates.core.terms import Terms, checked
from mandates.store.conflicts import Conflict
from mandates.store.published_terms import all_terms, current_terms, publish_terms, read_terms, retire_terms
from ops.arguments import an_id
from ops.printing import complain, say, show
from ops.stack import Stack

FILE_HELP = (
    "YAML; see terms/example.yaml. Publish a document with a time_zone only when this release is deployed"
    " everywhere: earlier ones can't read it (docs/versions.md)"
)


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("terms", help="the terms customers agree to").add_subparsers(
        required=True, metavar="ACTION"
    )
    publish = actions.add_parser("publish", help="make a document the current terms")
    publish.add_argument("file", type=Path, help=FILE_HELP)
    publish.set_defaults(run=run_publish)
    actions.add_parser("list", help="list every version, and which is current").set_defaults(run=run_list)
    for name, run, about in (
        ("show", run_show, "show one version, as it was published"),
        ("retire", run_retire, "stop offering a version; it still governs what was agreed under it"),
    ):
        action = actions.add_parser(name, help=about)
        action.add_argument("version", type=an_id)
        action.set_defaults(run=run)
        if run is run_retire:
            action.add_argument("--yes", action="store_true", help="even the version that customers see now")


def run_publish(stack: Stack, chosen: argparse.Namespace) -> int:
    """Publish a document; 0 if it is now the current terms, or already was, 1 if not."""
    try:
        terms = load(chosen.file)
    except (OSError, ValueError) as error:
        complain(f"{chosen.file} can't be published: {error}")
        return 1
    for warning in limits_above_amazons(terms):
        complain(f"warning: {warning}; Amazon may refuse charges that these terms permit")
    stack.use_tables()
    try:
        publish_terms(terms, Instant(time.time()))
    except Conflict:
        return _published_before(terms)
    say(f"published version {terms.version}, digest {terms.digest}")
    return 0


def _published_before(terms: Terms) -> int:
    """A version is published once. It is current only if nothing was published or retired since."""
    published = read_terms(terms.version)
    if published is None or published.terms.digest != terms.digest:
        known = f"version {terms.version} was published with a different text and can't be changed"
    elif published.retired_at:
        known = f"version {terms.version} was retired at {published.retired_at} and is not offered"
    elif terms != current_terms():
        known = f"version {terms.version} was superseded by a later one and is not offered"
    else:
        say(f"version {terms.version} is already published, and current")
        return 0
    complain(f"{known}: give the document a new version")
    return 1


def run_list(stack: Stack, _chosen: argparse.Namespace) -> int:
    stack.use_tables()
    current = current_terms()
    for published in all_terms():
        terms = published.terms
        state = "current" if terms == current else "retired" if published.retired_at else "superseded"
        say(f"{terms.version:<20} {state:<11} {published.published_at}  {terms.digest}")
    return 0


def run_show(stack: Stack, chosen: argparse.Namespace) -> int:
    """Print a version with its texts; 1 if there is none, or if it no longer matches its digest."""
    stack.use_tables()
    published = read_terms(chosen.version)
    if published is None:
        complain(f"version {chosen.version} was never published")
        return 1
    say(f"# published {published.published_at}, digest {published.digest}")
    if published.retired_at:
        say(f"# retired {published.retired_at}")
    show(
        yaml.safe_dump(
            json.loads(canonical_json(published.terms.to_plain())), allow_unicode=True, sort_keys=False
        )
    )
    if published.terms.digest != published.digest:
        complain("the stored document was altered: it no longer matches that digest")
        return 1
    return 0


def run_retire(stack: Stack, chosen: argparse.Namespace) -> int:
    """Retire a version; 1 if there is none to retire, or if it is current and --yes was not given."""
    stack.use_tables()
    current = current_terms()
    is_current = current is not None and current.version == chosen.version
    if is_current and not chosen.yes:
        complain(
            f"version {chosen.version} is the current one: without it nobody can set up a payment."
            " Publish another first, or repeat this with --yes"
        )
        return 1
    try:
        retire_terms(chosen.version, Instant(time.time()))
    except Conflict:
        complain(f"version {chosen.version} was never published, or is already retired")
        return 1
    say(f"retired version {chosen.version}")
    if is_current:
        say("nobody can set up a payment until another version is published")
    return 0


def load(path: Path) -> Terms:
    """Raises OSError, or a ValueError that lists everything wrong with the document."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _EachKeyOnce)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"can't be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise ValueError("not a mapping")
    return checked(document)


class _EachKeyOnce(yaml.SafeLoader):
    """Refuses a repeated key: PyYAML takes the last value, which in terms is wording nobody checked."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        given: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in given:
                problem = f"the key {key.value!r} is given twice"
                raise ConstructorError(problem=problem, problem_mark=key.start_mark)
            given.add(str(key.value))
        return super().construct_mapping(node, deep)

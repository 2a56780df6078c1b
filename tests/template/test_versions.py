"""One changed byte of what a function runs makes a new version behind its alias; nothing changed makes none.

SAM uploads a folder under the checksum of its content, and the translator takes that address into the name of
the version. So the addresses here are made with SAM's own checksum.
"""

import shutil
from pathlib import Path

import pytest
from samcli.lib.utils.hash import dir_checksum  # type: ignore[import-untyped]

from local.settings import ROOT
from tests.functions import folder_of
from tests.template.stack import Json, Stack, expand, raw


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Copies of the folders that are uploaded, to be changed."""
    for folder in ("layers", "functions"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def packaged(sources: Path) -> Json:
    """The template as `sam package` writes it for these folders.

    Of functions/, each function is built from a folder of its own (functions/Makefile).
    """
    template = raw()
    functions = sources / template["Globals"]["Function"]["CodeUri"]
    for name, resource in template["Resources"].items():
        properties = resource["Properties"]
        match resource["Type"]:
            case "AWS::Serverless::Function":
                properties["CodeUri"] = uploaded(functions / folder_of(name))
            case "AWS::Serverless::LayerVersion":
                properties["ContentUri"] = uploaded(sources / properties["ContentUri"])
    return template


def uploaded(folder: Path) -> str:
    return f"s3://artifacts/{dir_checksum(str(folder))}"


def versions(template: Json) -> dict[str, str]:
    """By function: the version that its alias points to."""
    stack = Stack(expand(template))
    return {
        name: stack.properties(f"{name}Aliaslive")["FunctionVersion"]["Fn::GetAtt"][0]
        for name in stack.functions
    }


def renewed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name, version in after.items() if version != before[name]}


def change_one_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


LAYERS = ["layers/mandates/python/mandates/core/clock.py", "layers/dependencies/requirements.txt"]


@pytest.mark.parametrize("file", LAYERS)
def test_a_byte_of_a_layer_makes_a_new_version_behind_every_alias(file: str, sources: Path) -> None:
    before = versions(packaged(sources))
    change_one_byte(sources / file)
    assert renewed(before, versions(packaged(sources))) == before.keys()


def test_a_byte_of_a_function_makes_a_new_version_of_that_one(sources: Path) -> None:
    before = versions(packaged(sources))
    change_one_byte(sources / "functions" / "read_terms" / "app.py")
    assert renewed(before, versions(packaged(sources))) == {"ReadTerms"}


def test_a_setting_makes_a_new_version_too(sources: Path) -> None:
    template = packaged(sources)
    before = versions(template)
    template["Resources"]["ReadTerms"]["Properties"]["Timeout"] = 20
    assert renewed(before, versions(template)) == {"ReadTerms"}


def test_nothing_changed_makes_no_new_version(sources: Path) -> None:
    assert renewed(versions(packaged(sources)), versions(packaged(sources))) == set()


@pytest.mark.parametrize("setting", ["AutoPublishAliasAllProperties", "PublishLambdaVersion"])
def test_without_either_setting_an_alias_would_stay_with_the_old_layer(setting: str, sources: Path) -> None:
    def without_it() -> Json:
        template = packaged(sources)
        function, layer = (
            template["Globals"]["Function"],
            template["Resources"]["MandatesLayer"]["Properties"],
        )
        del (function if setting in function else layer)[setting]
        return template

    before = versions(without_it())
    change_one_byte(sources / LAYERS[0])
    assert renewed(before, versions(without_it())) == set()

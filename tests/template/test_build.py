"""What the build makes of the layers, and that the locks agree."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from layers.dependencies import slim
from local.settings import ROOT

LAYER_LOCK = ROOT / "layers" / "dependencies" / "requirements.txt"
LOCK = ROOT / "requirements.lock"


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
    own, everything = blocks(ROOT / "functions" / "render_evidence" / "requirements.txt"), blocks(LOCK)
    assert own.keys() == {"typst", "manimgx-fonts", "manimgx-fonts-cjk"}
    assert {name: _pin(block) for name, block in own.items()} == {
        name: _pin(everything[name]) for name in own
    }


@pytest.mark.parametrize("package", ["botocore", "stripe", "pynamodb", "msgspec", "pyjwt"])
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

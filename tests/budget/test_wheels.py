"""What is built for a machine is for that machine, whichever builds it: read from the files themselves."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.budget import artefacts, elf
from tests.functions import BY_FOLDER

MACHINES = {"aarch64-manylinux_2_34": elf.AARCH64, "x86_64-manylinux_2_34": elf.X86_64}
"""By PLATFORM, as `make build` takes it."""

RECIPES = {
    "DependenciesLayer": ("layers/dependencies", "packages"),  # up to bytecode, which no machine differs in
    **{
        function: ("functions", f"build-{function}")
        for folder, function in BY_FOLDER.items()
        if (ROOT / "functions" / folder / "requirements.txt").exists()
    },
}
"""By what is built with packages: the makefile's folder, and its target."""

UNREACHABLE = "client error (Connect)"
"""What uv says when nobody answers; a package that is missing or another one is no reason to skip."""


def run_recipe(name: str, target: Path, platform_: str) -> None:
    """Skips the test if what it takes is neither in uv's cache nor to be had from PyPI."""
    folder, recipe = RECIPES[name]
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["make", "--silent", "-C", str(ROOT / folder), recipe, f"ARTIFACTS_DIR={target}"]
    for uv in ({"UV_OFFLINE": "1"}, {"UV_OFFLINE": "0"}):  # no network unless something is missing
        shutil.rmtree(target, ignore_errors=True)
        environment = {**os.environ, **uv, "PATH": tools, "PLATFORM": platform_}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode == 0:
            return
    if UNREACHABLE in ran.stderr:
        pytest.skip(f"PyPI can't be reached, and uv's cache lacks some of {name} for {platform_}")
    raise AssertionError(ran.stderr)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("platform_", [name for name in MACHINES if not name.startswith(platform.machine())])
def test_a_build_has_the_files_of_the_machine_it_is_for(name: str, platform_: str, tmp_path: Path) -> None:
    built = tmp_path / "built"
    run_recipe(name, built, platform_)
    assert elf.foreign(built, MACHINES[platform_]) == []
    (another,) = set(MACHINES.values()) - {MACHINES[platform_]}
    assert len(elf.foreign(built, another)) == len(list(elf.machines(built)))


@pytest.mark.skipif(platform.system() != "Linux", reason="ELF is Linux's")
@pytest.mark.parametrize("name", RECIPES)
def test_a_build_for_the_local_stack_has_this_machines(name: str) -> None:
    ours = elf.machine(Path(artefacts.PYTHON))
    assert ours is not None
    assert elf.foreign(artefacts.built() / name, ours) == []


def test_a_platform_that_is_not_built_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="PLATFORM=riscv64 is none that is built for"):
        run_recipe("DependenciesLayer", tmp_path, "riscv64")


def native(path: Path, machine: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x7fELF\x02\x01\x01".ljust(18, b"\0") + machine.to_bytes(2, "little"))


@pytest.mark.parametrize("name", ["package/_rust.abi3.so", "bin/typst", "libs/libssl.so.3"])
def test_a_file_of_another_machine_is_named(tmp_path: Path, name: str) -> None:
    native(tmp_path / "package" / "own.so", elf.AARCH64)
    native(tmp_path / name, elf.X86_64)
    assert elf.foreign(tmp_path, elf.AARCH64) == [f"{name} is for 0x3e, not 0xb7"]


def test_a_file_of_another_system_is_named(tmp_path: Path) -> None:
    native(tmp_path / "own.so", elf.AARCH64)
    (tmp_path / "other.cpython-313-darwin.so").write_bytes(b"\xcf\xfa\xed\xfe" + bytes(16))
    assert elf.foreign(tmp_path, elf.AARCH64) == ["other.cpython-313-darwin.so is for None, not 0xb7"]


def test_a_build_without_any_native_file_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "pure.py").touch()
    assert elf.foreign(tmp_path, elf.AARCH64) != []

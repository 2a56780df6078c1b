"""local/make_venv.sh on machines with other Pythons, or none: stand-ins on PATH note how they were called.

No network is asked, so what uv downloads, and from where, is not shown here.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("sh", "awk", "mktemp", "rm", "mkdir", "cat", "chmod", "cp")

PYTHON = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in
  *sys.version_info*) [ "{version}" = 3.13 ] ;;
  "-c ") ;;
  "-m venv "*)
    for folder; do :; done
    mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python" && [ -z "${{NO_VENV:-}}" ] ;;
  "-m pip install "*)
    for list; do :; done
    cp "$list" "$INSTALLED" && cp "$STANDS_IN/uv" "${{0%python}}uv" && [ -z "${{NO_INDEX:-}}" ] ;;
  *) exit 64 ;;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >> "$CALLS"
case "$*" in
  "venv "*) [ -z "${NO_NETWORK:-}" ] && mkdir -p .venv/bin && cp "$STANDS_IN/python" .venv/bin/python ;;
  "pip install "*"--python .venv/bin/python"*) cp "$STANDS_IN/uv" .venv/bin/uv ;;
  *) exit 64 ;;
esac
"""


class Machine:
    def __init__(self, folder: Path) -> None:
        self.home = folder / "repository"
        self.calls = folder / "calls"
        self.installed = folder / "installed"
        self._path = folder / "bin"
        self._stands_in = folder / "stands-in"
        self._temporary = folder / "tmp"
        for made in (self.home / "local", self._path, self._stands_in, self._temporary):
            made.mkdir(parents=True)
        for name in ("requirements.lock", "local/make_venv.sh"):
            shutil.copy(ROOT / name, self.home / name)
        for command in (*NEEDED, "basename"):
            (self._path / command).symlink_to(str(shutil.which(command)))
        self._put(self._stands_in / "uv", UV)
        self._put(self._stands_in / "python", PYTHON.format(version="3.13"))

    def has(self, command: str, version: str) -> None:
        self._put(self._path / command, PYTHON.format(version=version))

    def set_up(self, **environment: str) -> tuple[int, str]:
        """The exit code, and what was complained about."""
        finished = subprocess.run(
            ["sh", "local/make_venv.sh"],
            cwd=self.home,
            env={
                "PATH": str(self._path),
                "TMPDIR": str(self._temporary),
                "CALLS": str(self.calls),
                "INSTALLED": str(self.installed),
                "STANDS_IN": str(self._stands_in),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert list(self._temporary.iterdir()) == []
        return finished.returncode, finished.stderr

    def called(self, start: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.startswith(start)]

    @staticmethod
    def _put(file: Path, source: str) -> None:
        file.write_text(source)
        file.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def usable(machine: Machine) -> bool:
    return all(os.access(machine.home / ".venv/bin" / name, os.X_OK) for name in ("python", "uv"))


@pytest.mark.parametrize("command", ["python3.13", "python3"])
def test_the_machines_own_is_taken_whatever_it_is_called(machine: Machine, command: str) -> None:
    machine.has("python3", "3.11")
    machine.has(command, "3.13")
    assert machine.set_up() == (0, "")
    assert usable(machine)
    assert machine.called(f"{command} -m venv") == [f"{command} -m venv --clear .venv"]
    assert machine.called("uv") == []


def test_where_there_is_none_the_locked_uv_gets_it(machine: Machine) -> None:
    machine.has("python3", "3.11")
    assert machine.set_up() == (0, "")
    assert usable(machine)
    assert machine.called("uv venv") == ["uv venv --quiet --clear --python 3.13 .venv"]
    assert all("--require-hashes" in call for call in machine.called("python -m pip install"))
    locked = machine.installed.read_text()
    assert re.fullmatch(r"uv==[\d.]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", locked)
    assert locked in (ROOT / "requirements.lock").read_text()


def test_where_the_network_forbids_it_the_message_says_what_else_to_do(machine: Machine) -> None:
    machine.has("python3", "3.11")
    status, complained = machine.set_up(NO_NETWORK="1")
    assert status == 1
    assert "as the command python3.13" in complained
    assert "UV_PYTHON_INSTALL_MIRROR" in complained
    assert not (machine.home / ".venv").exists()
    assert machine.set_up() == (0, "")  # once it is mended


@pytest.mark.parametrize("missing", ["NO_VENV", "NO_INDEX"])
@pytest.mark.parametrize("version", ["3.13", "3.11"])
def test_half_an_environment_is_not_left(machine: Machine, version: str, missing: str) -> None:
    """Debian's python3 without python3-venv makes one that has no pip."""
    machine.has("python3", version)
    status, complained = machine.set_up(**{missing: "1"})
    assert status == 1
    assert "says above tells why" in complained
    assert not (machine.home / ".venv").exists()


def test_without_any_python_it_says_what_is_needed(machine: Machine) -> None:
    status, complained = machine.set_up()
    assert (status, "as the command python3.13" in complained) == (1, True)


def test_make_sets_up_so() -> None:
    assert "test -x $(BIN)/uv || sh local/make_venv.sh" in (ROOT / "Makefile").read_text()


def test_nothing_that_is_installed_or_built_is_committed() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    ignored = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.check_output(ignored, cwd=ROOT, text=True).splitlines() == []

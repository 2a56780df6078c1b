"""Time zones come from the package that the layer ships, whatever zone database a machine has."""

import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.variables import environment

PYTHONTZPATH = environment("ReadTerms", "http://127.0.0.1:1")["PYTHONTZPATH"]
"""As template.yaml gives it to every function."""

BERLIN, TOKYO = "1774821600", "1774796400"
"""When 30 March 2026 begins there."""

SCRIPT = """
import zoneinfo
from mandates.core.charging.calendar import start_of_day
from datetime import date
print(start_of_day(date(2026, 3, 30), zoneinfo.ZoneInfo("Europe/Berlin")))
"""


def run(
    *, hidden: bool = False, before: str = "", tzpath: str = PYTHONTZPATH
) -> subprocess.CompletedProcess[str]:
    """In a function's Python. `hidden`: without the package. `before` is searched for packages first."""
    hide = "import sys; sys.modules['tzdata'] = None\n" if hidden else ""
    layer = os.pathsep.join(path for path in (before, *sys.path) if path)
    return subprocess.run(
        [sys.executable, "-c", hide + SCRIPT],
        env={"PYTHONTZPATH": tzpath, "PYTHONPATH": layer},
        capture_output=True,
        text=True,
        check=False,
    )


def test_zones_come_from_the_package() -> None:
    ran = run()
    assert (ran.stdout.strip(), ran.stderr) == (BERLIN, "")


def test_a_machines_own_database_is_not_read(tmp_path: Path) -> None:
    """The machine's says when Berlin's day begins; the package, in this test, says Tokyo's."""
    package, machine, layer = Path(str(files("tzdata"))), tmp_path / "machine", tmp_path / "layer"
    shutil.copytree(package / "zoneinfo", machine)
    shutil.copytree(package, layer / "tzdata")
    zones = layer / "tzdata" / "zoneinfo"
    shutil.copy(zones / "Asia" / "Tokyo", zones / "Europe" / "Berlin")
    assert run(before=str(layer)).stdout.strip() == TOKYO
    assert run(before=str(layer), tzpath=str(machine)).stdout.strip() == BERLIN


def test_without_the_package_there_would_be_none() -> None:
    assert "ZoneInfoNotFoundError" in run(hidden=True).stderr


@pytest.mark.parametrize(
    "zone", ["Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "Africa/Casablanca"]
)
def test_the_package_has_the_odd_ones(zone: str) -> None:
    command = f"import zoneinfo; zoneinfo.reset_tzpath(to=()); print(zoneinfo.ZoneInfo({zone!r}).key)"
    assert subprocess.check_output([sys.executable, "-c", command], text=True).strip() == zone

"""Time zones come from the package that the layer ships, also on a machine that has no zone database."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import zoneinfo
from mandates.core.charging.calendar import start_of_day
from datetime import date
assert zoneinfo.TZPATH == (), zoneinfo.TZPATH
print(start_of_day(date(2026, 3, 30), zoneinfo.ZoneInfo("Europe/Berlin")))
"""


def run(*, hidden: bool) -> subprocess.CompletedProcess[str]:
    """In a Python without a machine's zone database; `hidden`: nor the package."""
    hide = "import sys; sys.modules['tzdata'] = None\n" if hidden else ""
    layer = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-c", hide + SCRIPT],
        env={"PYTHONTZPATH": "", "PYTHONPATH": layer},
        capture_output=True,
        text=True,
        check=False,
    )


def test_zones_come_from_the_package() -> None:
    ran = run(hidden=False)
    assert (ran.stdout.strip(), ran.stderr) == ("1774821600", "")


def test_without_the_package_there_would_be_none() -> None:
    assert "ZoneInfoNotFoundError" in run(hidden=True).stderr


@pytest.mark.parametrize(
    "zone", ["Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Apia", "Africa/Casablanca"]
)
def test_the_package_has_the_odd_ones(zone: str) -> None:
    command = f"import zoneinfo; zoneinfo.reset_tzpath(to=()); print(zoneinfo.ZoneInfo({zone!r}).key)"
    assert subprocess.check_output([sys.executable, "-c", command], text=True).strip() == zone

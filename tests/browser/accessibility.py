"""axe-core on a page as it is now, its open shadow roots included."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_OPTIONS = {"runOnly": {"type": "tag", "values": WCAG_2_2_AA}, "resultTypes": ["violations"]}
_axe = Axe()


def accessible(page: Page) -> None:
    """Fails, and names each element, if axe finds something that breaks WCAG 2.2 A or AA."""
    violations = _axe.run(page, options=_OPTIONS).response["violations"]
    assert violations == [], "\n".join(map(_told, violations))


def _told(violation: dict[str, Any]) -> str:
    places = [
        f"    {' '.join(map(str, node['target']))}: {node['failureSummary']}" for node in violation["nodes"]
    ]
    return "\n".join([f"{violation['id']}: {violation['help']}", *places])

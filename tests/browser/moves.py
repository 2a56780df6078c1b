"""What people do with a browser and Playwright has no single call for."""

from playwright.sync_api import Page


def go_back(page: Page) -> None:
    """With the browser's button. A page that the back/forward cache restores does not load again."""
    page.go_back(wait_until="commit")

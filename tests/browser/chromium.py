"""The machine's own Chromium, driven by Playwright. Nothing is downloaded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
NOT_FOUND = f"There is no Chromium on this machine: {', '.join(NAMES)} are not on the PATH."

_OPTIONS = [
    "--no-sandbox",  # Chromium's own refuses to run as root, as in a container
    "--no-proxy-server",
    # Whatever a page asks for elsewhere does not leave this machine; the watch on the page says what it was.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
_NOT_PLAYWRIGHTS_DEFAULT = ["--disable-back-forward-cache"]  # a customer's browser has it


def find() -> Path | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


@contextmanager
def started(executable: Path) -> Iterator[Browser]:
    """While it runs, its thread has a running asyncio loop: start nothing else there that needs one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=_OPTIONS, ignore_default_args=_NOT_PLAYWRIGHTS_DEFAULT
        )
        try:
            yield browser
        finally:
            browser.close()

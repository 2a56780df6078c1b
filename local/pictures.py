"""README's pictures of the storefront, taken with Chromium: `python -m local.pictures`, after `make up`."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local import stack
from local.journey import Customer, DidNotWork, pay_with_amazon
from local.progress import say
from local.settings import ROOT, Settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SETTLED_MS = 10_000
"""Virtual time: the page's own pauses pass at once, and requests are waited for."""


def main() -> int:
    running = stack.read(Settings.from_environment())
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not running or not browser:
        say("This needs the stack of `make up`, and Chromium.")
        return 1
    shop = running["storefront_url"]
    customer = Customer(
        running["api_url"], running["tokens"]["customer"], running["customer_ids"]["customer"]
    )
    try:
        take(browser, f"{shop}/", ROOT / "docs/storefront-consent.png", height=1040)
        customer.become_customer()
        session = customer.accept(
            customer.current_terms(), success_url=f"{shop}/amazon-pay", cancel_url=f"{shop}/amazon-pay"
        )
        back = pay_with_amazon(session["url"])
        customer.mandate_once(session["mandate_id"], "active")
        take(browser, back, ROOT / "docs/storefront-active.png", height=1040)
    finally:
        customer.close()
    return 0


def take(browser: str, address: str, picture: Path, *, height: int) -> None:
    with tempfile.TemporaryDirectory(prefix="mandates-browser-") as profile:
        options = [
            "--headless",
            "--no-sandbox",  # Chromium's own refuses to run as root, as in a container
            f"--user-data-dir={profile}",
            "--hide-scrollbars",
            f"--window-size=800,{height}",
            f"--virtual-time-budget={SETTLED_MS}",
            f"--screenshot={picture}",
        ]
        environment = {**os.environ, "LANGUAGE": "en_GB", "TZ": "UTC"}
        taken = subprocess.run(
            [browser, *options, address],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    if taken.returncode:
        raise DidNotWork(taken.stderr)
    say(f"  {picture.relative_to(ROOT)}: {picture.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())

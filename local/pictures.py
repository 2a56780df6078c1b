"""README's pictures, taken with Chromium: `python -m local.pictures`, after `make up`."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from local import stack
from local.journey import Customer
from local.progress import say
from local.settings import ROOT, Settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = (390, 844)
ACCOUNT = (1040, 815)
CONSOLE = (1040, 930)
PATIENCE_MS = 30_000


def main() -> int:
    running = stack.read(Settings.from_environment())
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not running or not executable:
        say("This needs the stack of `make up`, and Chromium.")
        return 1
    customer = Customer(
        running["api_url"], running["tokens"]["customer"], running["customer_ids"]["customer"]
    )
    try:
        withdraw_all(customer)
    finally:
        customer.close()
    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as in a container.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        shop = running["storefront_url"]
        with visitor(browser, shop, PHONE) as page:
            sign_in(page)
            save_amazon_pay(page)
            order(page)
            order(page)
        with visitor(browser, shop, ACCOUNT) as page:
            sign_in(page)
            page.goto("/account")
            page.get_by_role("button", name="Withdraw").first.wait_for()
            take(page, "account")
        with visitor(browser, shop, CONSOLE) as page:
            look_from_the_console(page, running["customer_ids"]["customer"])
        browser.close()
    return 0


def withdraw_all(customer: Customer) -> None:
    """Otherwise the shop would say that Amazon Pay is saved, instead of showing the terms."""
    for mandate in customer.mandates():
        if mandate["status"] == "active":
            customer.withdraw(mandate["mandate_id"])


@contextmanager
def visitor(browser: Browser, shop: str, size: tuple[int, int]) -> Iterator[Page]:
    context = browser.new_context(
        base_url=shop,
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=1,
        locale="en-US",
        timezone_id="America/New_York",
        color_scheme="light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def sign_in(page: Page) -> None:
    page.goto("/sign-in?to=/amazon-pay")
    page.get_by_role("button", name="Mara Lindqvist").click()


def save_amazon_pay(page: Page) -> None:
    """From the terms to an active mandate, with a picture of the consent."""
    consent = page.get_by_role("checkbox")
    consent.wait_for()
    take(page, "consent", whole=True)
    consent.check()
    page.get_by_role("button", name="Continue to Amazon Pay").click()
    page.get_by_test_id("continue").click()
    page.get_by_test_id("authorize").click()
    page.get_by_role("link", name="Go to the shop").click()


def order(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Order").click()
    page.get_by_role("heading", name="Thank you, it is paid").wait_for()


def look_from_the_console(page: Page, customer_id: str) -> None:
    page.goto("/console/sign-in")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("searchbox").fill(customer_id)
    page.get_by_role("searchbox").press("Enter")
    page.locator("a[href^='/console/mandates/mdt_']").first.click()
    take(page, "console")


def take(page: Page, name: str, *, whole: bool = False) -> None:
    picture = ROOT / "docs" / f"picture-{name}.png"
    page.wait_for_load_state("networkidle")
    page.screenshot(path=picture, full_page=whole)
    say(f"  {picture.relative_to(ROOT)}: {picture.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())

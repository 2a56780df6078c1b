"""The simulator's pages in a browser: readable and operable on a desk and on a phone, light and dark."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import accessible
from tests.browser.conftest import Browse
from tests.browser.people import Person
from tests.live.shared import StackJson
from tests.live.stack import LiveStack


@pytest.fixture
def addresses(live: LiveStack, customer: Person, stack: StackJson) -> list[str]:
    """Of the overview, the plans, an object and an event. Lists look as on the overview."""
    stripe_id = customer.api.become_customer()["stripe_customer_id"]
    live.control(f"customers/{stripe_id}/delete")
    event = next(one for one in reversed(live.stripe_events()) if one["type"] == "customer.deleted")
    pages = ("", "plans", f"objects/customer/{stripe_id}", f"events/{event['id']}")
    return [f"{stack['stripe_url']}/{page}" for page in pages]


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_every_page_is_accessible_and_fits(
    browse: Browse, addresses: list[str], width: int, scheme: str
) -> None:
    page = browse(width=width, scheme=scheme)
    for address in addresses:
        page.goto(address)
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_an_event_is_sent_again_and_a_fault_set_and_cleared(
    page: Page, addresses: list[str], stack: StackJson, live: LiveStack
) -> None:
    page.goto(addresses[-1])
    deliveries = page.get_by_role("region", name="Deliveries").get_by_role("listitem")
    expect(deliveries).to_have_count(1)
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status")).to_have_text("The event is sent again.")
    expect(deliveries).to_have_count(2)

    page.goto(f"{stack['stripe_url']}/plans")
    faults = page.get_by_role("region", name="Faults of the API and of webhooks")
    faults.get_by_role("combobox").select_option("Webhooks come twice")
    faults.get_by_role("button", name="Set this").click()
    expect(page.get_by_role("status")).to_have_text("The plan is in force.")
    expect(faults).to_contain_text("in force Webhooks come twice")
    faults.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("status")).to_have_text("The plan is cleared.")

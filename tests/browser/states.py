"""Each state that the pages have, and how to get there. Tests and the matrix look at all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from playwright.sync_api import Page, Route, expect

from tests.browser import people
from tests.browser.scene import Scene

Opening = Callable[[Page, Scene], None]

BOTH = ("en-GB", "de-DE")


@dataclass(frozen=True)
class State:
    """`languages`: of the browser. `provokes`: a pattern of what the browser then logs as an error."""

    name: str
    open: Opening
    languages: tuple[str, ...]
    provokes: str | None


STATES: list[State] = []


def state(*languages: str, provokes: str | None = None) -> Callable[[Opening], Opening]:
    """Pages of the shop and the console are in English. The elements are in the reader's language."""

    def register(opening: Opening) -> Opening:
        name = opening.__name__.replace("_", "-")
        STATES.append(State(name, opening, languages or BOTH[:1], provokes))
        return opening

    return register


def shown(page: Page, name: str) -> None:
    """An element shows that state."""
    expect(page.locator(f"[data-state={name}]")).to_be_visible()


def at(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


# ------------------------------------------------------------------------------------------ the shop


@state()
def product(page: Page, scene: Scene) -> None:
    at(page, "/")


@state()
def product_for_one_click(page: Page, scene: Scene) -> None:
    assert scene.mandate_id
    people.sign_in(page.context, scene.saved)
    at(page, "/")


@state()
def sign_in(page: Page, scene: Scene) -> None:
    at(page, "/sign-in")


@state()
def order(page: Page, scene: Scene) -> None:
    assert scene.mandate_id
    people.sign_in(page.context, scene.saved)
    at(page, "/")
    page.get_by_role("button", name="Order for").click()
    expect(page.locator("[data-settled=yes]")).to_be_visible()


@state()
def order_without_permission(page: Page, scene: Scene) -> None:
    """Amazon Pay was withdrawn while the customer looked at the product."""
    session = scene.session("authorize")
    customer = session["customer"]
    people.sign_in(page.context, customer)
    customer.api.mandate_once(session["mandate_id"], "active")
    at(page, "/")
    scene.live.call("POST", f"/mandates/{session['mandate_id']}/revoke", customer.api.token)
    page.get_by_role("button", name="Order for").click()
    shown(page, "terms")


@state(provokes="status of 404")
def nothing_here(page: Page, scene: Scene) -> None:
    at(page, "/nowhere")


# -------------------------------------------------------------------------------- <amazon-pay-setup>


def return_of(page: Page, scene: Scene, *deeds: str) -> None:
    session = scene.session(*deeds)
    people.sign_in(page.context, session["customer"])
    at(page, f"/amazon-pay?checkout_session_id={session['checkout_session_id']}")


@state(*BOTH)
def setup_terms(page: Page, scene: Scene) -> None:
    people.sign_in(page.context, scene.newcomer)
    at(page, "/amazon-pay")
    shown(page, "terms")


@state(*BOTH)
def setup_not_agreed(page: Page, scene: Scene) -> None:
    setup_terms(page, scene)
    page.locator("amazon-pay-setup").get_by_role("button").click()
    expect(page.get_by_role("checkbox")).to_be_focused()


@state(*BOTH)
def setup_already(page: Page, scene: Scene) -> None:
    assert scene.mandate_id
    people.sign_in(page.context, scene.saved)
    at(page, "/amazon-pay")
    shown(page, "already")


@state(*BOTH)
def setup_waiting(page: Page, scene: Scene) -> None:
    return_of(page, scene)
    shown(page, "waiting")


@state(*BOTH)
def setup_active(page: Page, scene: Scene) -> None:
    return_of(page, scene, "authorize")
    shown(page, "active")


@state(*BOTH)
def setup_declined(page: Page, scene: Scene) -> None:
    return_of(page, scene, "decline")
    shown(page, "declined")


@state(*BOTH)
def setup_expired(page: Page, scene: Scene) -> None:
    return_of(page, scene, "expire")
    shown(page, "expired")


@state(*BOTH)
def setup_signed_out(page: Page, scene: Scene) -> None:
    at(page, "/amazon-pay?checkout_session_id=cs_test_unknown")
    shown(page, "signed-out")


@state(*BOTH, provokes="status of 404")
def setup_of_another(page: Page, scene: Scene) -> None:
    people.sign_in(page.context, scene.saved)
    at(page, f"/amazon-pay?checkout_session_id={scene.undecided['checkout_session_id']}")
    shown(page, "another")


@state(*BOTH, provokes="status of 500")
def setup_problem(page: Page, scene: Scene) -> None:
    people.sign_in(page.context, scene.newcomer)
    page.route("**/api/terms/current*", failed)
    at(page, "/amazon-pay")
    shown(page, "problem")


def failed(route: Route) -> None:
    """The API's own 500 that it does not ask to repeat."""
    problem = {"title": "Internal Server Error", "status": 500, "code": "no_terms", "detail": "No terms."}
    route.fulfill(status=500, json=problem, content_type="application/problem+json")


# ----------------------------------------------------------------------------- <amazon-pay-mandates>


@state(*BOTH)
def account(page: Page, scene: Scene) -> None:
    assert scene.mandate_id
    people.sign_in(page.context, scene.saved)
    at(page, "/account")
    shown(page, "accounts")


@state(*BOTH)
def account_withdrawing(page: Page, scene: Scene) -> None:
    account(page, scene)
    page.locator("amazon-pay-mandates article > button").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


@state(*BOTH)
def account_empty(page: Page, scene: Scene) -> None:
    people.sign_in(page.context, scene.newcomer)
    at(page, "/account")
    shown(page, "empty")


# ------------------------------------------------------------------------------------ Stripe's pages


@state()
def hosted_page(page: Page, scene: Scene) -> None:
    at(page, scene.undecided["url"])


@state()
def hosted_test_page(page: Page, scene: Scene) -> None:
    at(page, scene.undecided["url"])
    page.get_by_test_id("continue").click()
    expect(page.get_by_test_id("authorize")).to_be_visible()


# --------------------------------------------------------------------------------------- the console


def in_console(path: str) -> Callable[[Page, Scene], None]:
    def open_page(page: Page, scene: Scene) -> None:
        people.sign_in_as_merchant(page.context)
        named = {"mandate": scene.mandate_id, "charge": scene.charge_id, "customer": scene.saved.customer_id}
        at(page, "/console" + path.format_map({name: quote(value) for name, value in named.items()}))

    return open_page


for name, path in {
    "console_home": "/",
    "console_charges": "/charges",
    "console_mandate": "/mandates/{mandate}",
    "console_customer": "/customers/{customer}",
    "console_charge": "/charges/{charge}",
    "console_charging": "/mandates/{mandate}/charge",
    "console_refunding": "/charges/{charge}/refund",
    "console_withdrawing": "/mandates/{mandate}/withdraw",
}.items():
    opening = in_console(path)
    opening.__name__ = name
    state()(opening)


@state(provokes="status of 404")
def console_found_nothing(page: Page, scene: Scene) -> None:
    in_console("/search?q=mdt_nowhere")(page, scene)


@state()
def console_sign_in(page: Page, scene: Scene) -> None:
    at(page, "/console/sign-in")

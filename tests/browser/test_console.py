"""The merchant's console on the running stack: every action by clicking, and no secret in the browser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Response, expect

from local import stack_file
from local.journey import Customer
from local.settings import PLACEHOLDER_STRIPE_KEY
from tests.browser.conftest import Browse
from tests.browser.moves import go_back
from tests.browser.watch import Watch
from tests.live.shared import StackJson
from tests.live.shoppers import sign_up
from tests.live.stack import LiveStack, until

type Json = dict[str, Any]

_JWT = re.compile(r"eyJ[\w-]{12,}\.")
_PIECE = 16
"""Characters: a shorter piece of a token could be anywhere by chance."""


@dataclass
class Traffic:
    """All that a browser sent and got, and what it keeps."""

    texts: list[str] = field(default_factory=list)
    left: int = 0
    """Pages that the browser left, and forgot, before they were noted."""
    _answers: list[Response] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    """Addresses of files, which are the same each time."""

    def follow(self, context: BrowserContext) -> None:
        context.on("response", self._came)

    def _came(self, answer: Response) -> None:
        self._answers.append(answer)

    def note(self, page: Page) -> None:
        """Call it on every page: a browser forgets the answers of the pages before."""
        for answer in self._answers:
            request = answer.request
            if request.resource_type != "document" and request.url in self._known:
                continue
            self._known.add(request.url)
            sent, got = request.all_headers(), answer.all_headers()
            self.texts += [request.url, request.post_data or "", str(sent), str(got)]
            if answer.status in range(300, 400) or "attachment" in got.get("content-disposition", ""):
                continue
            try:
                self.texts.append(answer.body().decode("utf-8", "replace"))
            except Error:
                self.left += 1
        self._answers.clear()
        self.texts.append(page.content())
        self.texts.append(str(page.context.storage_state(indexed_db=True)))
        self.texts.append(
            page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        )

    def holding(self, secrets: list[str]) -> list[str]:
        """Which texts hold a JWT, or a piece of a secret."""
        pieces = {secret[at : at + _PIECE] for secret in secrets for at in range(len(secret) - _PIECE + 1)}
        found = re.compile("|".join([_JWT.pattern, *map(re.escape, sorted(pieces))]))
        return [f"{one[0]} in {text[:200]}" for text in self.texts if (one := found.search(text))]


@dataclass
class Desk:
    """A merchant at the console, and what happens elsewhere meanwhile."""

    page: Page
    live: LiveStack
    traffic: Traffic
    mandate_id: str
    customer_id: str

    def find(self, anything: str) -> None:
        self.page.get_by_role("searchbox").fill(anything)
        self.click("Find")

    def click(self, name: str) -> None:
        """A button or a link; then all that came is noted."""
        button = self.page.get_by_role("button", name=name, exact=True)
        link = self.page.get_by_role("link", name=name, exact=True)
        button.or_(link).first.click()
        self.traffic.note(self.page)

    def charge(self, amount: str, reference: str) -> None:
        self.find(self.mandate_id)
        self.click("Charge")
        self.fill(amount, reference)
        self.click("Charge")

    def fill(self, amount: str, reference: str) -> None:
        self.page.get_by_label("Amount").fill(amount)
        self.page.get_by_label("Reference").fill(reference)
        self.page.get_by_label("Description").fill(f"Order {reference} <script>alert(1)</script>")

    def expects(self, *texts: str) -> None:
        for text in texts:
            expect(self.page.get_by_role("main")).to_contain_text(text)

    def awaits(self, text: str) -> None:
        """Loads the page again until it says so."""
        main = self.page.get_by_role("main")

        def says_so() -> bool:
            if text in main.inner_text():
                return True
            self.page.reload()
            self.traffic.note(self.page)
            return False

        until(says_so, seconds=60, what=text)

    def at_stripe(self, kind: str) -> list[str]:
        """The ids of what Stripe has of this mandate."""
        listed = self.live.stripe_list(kind)
        return [one["id"] for one in listed if one["metadata"].get("mandate_id") == self.mandate_id]


@pytest.fixture
def live(stack: StackJson) -> Iterator[LiveStack]:
    running = LiveStack(stack)
    yield running
    running.control("payments")
    running.close()


@pytest.fixture
def desk(browse: Browse, live: LiveStack) -> Desk:
    """With a customer who has just agreed, and the merchant signed in."""
    (shopper,) = sign_up(live, 1)
    customer = Customer(live.described["api_url"], shopper.token, shopper.customer_id)
    customer.become_customer()
    shop = f"{live.described['storefront_url']}/amazon-pay"
    session = customer.accept(customer.current_terms(), success_url=shop, cancel_url=shop)
    live.control(f"sessions/{session['checkout_session_id']}/authorize")
    customer.mandate_once(session["mandate_id"], "active")
    customer.close()
    page = browse()
    page.set_default_timeout(60_000)  # a page waits for functions that have never run before
    traffic = Traffic()
    traffic.follow(page.context)
    page.goto("/console/")
    traffic.note(page)
    made = Desk(page, live, traffic, session["mandate_id"], shopper.customer_id)
    made.click("Sign in as the merchant")
    return made


def secrets_of(stack: StackJson) -> list[str]:
    """What only the business's server may know."""
    state = stack_file.read(stack_file.state_beside(Path(stack["state_dir"]) / "stack.json"))
    assert state
    return [
        *stack["tokens"]["service"].split("."),
        state["identity"]["service_client_secret"],
        stack["webhook_secret"],
        PLACEHOLDER_STRIPE_KEY,
    ]


def test_everything_is_done_by_clicking_and_no_secret_reaches_the_browser(
    desk: Desk, watch: Watch, stack: StackJson
) -> None:
    watch.expect(r"Failed to load resource.* 409 ")  # the pages of refusals
    intent = _charges_once_however_often(desk)
    _reads_why_a_charge_is_refused(desk)
    _refunds_a_part_and_not_more_than_is_left(desk, intent)
    _cancels_what_will_be_tried_again(desk)
    _sees_a_dispute(desk, intent)
    _saves_the_evidence(desk)
    _withdraws_and_leaves(desk)
    assert len(desk.traffic.texts) > 100
    assert desk.traffic.left <= 2
    assert desk.traffic.holding(secrets_of(stack)) == []


def _charges_once_however_often(desk: Desk) -> str:
    """Returns the PaymentIntent of `order-1`."""
    page = desk.page
    desk.find(desk.mandate_id)
    desk.expects("Active", "Up to 300.00 USD for each charge", "The customer agreed", "Account saved")
    desk.click("Charge")
    desk.fill("12.99", "order-1")
    page.get_by_role("button", name="Charge", exact=True).dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("12.99 USD")
    desk.traffic.note(page)
    desk.awaits("Succeeded")  # the second click may be answered while the first still charges
    desk.expects("order-1", "Order order-1 <script>alert(1)</script>", "Deliver.")
    charged = page.url.partition("?")[0]
    go_back(page)
    desk.fill("12.99", "order-1")
    desk.click("Charge")
    desk.expects("Nothing was charged twice.")
    assert page.url.partition("?")[0] == charged
    (intent,) = desk.at_stripe("payment_intents")
    desk.find(intent)
    assert page.url == charged
    return intent


def _reads_why_a_charge_is_refused(desk: Desk) -> None:
    desk.charge("300.01", "order-2")
    desk.expects("Not charged", "Above the limit of each charge.", "Time alone does not help", "987.01 USD")
    assert desk.page.get_by_label("Reference").input_value() == "order-2"
    desk.click("Don't charge")
    desk.click("Check a charge")
    desk.page.get_by_label("Amount").fill("300")
    desk.page.get_by_label("Reference").fill("order-1")
    desk.click("Check")
    desk.expects("This charge is not permitted now", "This reference is paid.")
    desk.page.get_by_label("Reference").fill("")
    desk.click("Check")
    desk.expects("This charge is permitted now", "987.01 USD")


def _refunds_a_part_and_not_more_than_is_left(desk: Desk, intent: str) -> None:
    amount = desk.page.get_by_label("Amount in USD")
    desk.find(intent)
    desk.click("Refund")
    amount.fill("4")
    desk.page.get_by_label("Reason").select_option("Requested by the customer")
    desk.click("Refund")
    desk.expects("The refund was requested.", "Refunded or on its way", "requested by customer")
    desk.click("Refund")
    assert amount.input_value() == "8.99"
    amount.fill("9")
    desk.click("Refund")
    desk.expects("Not refunded", "More than is left.", "8.99 USD")


def _cancels_what_will_be_tried_again(desk: Desk) -> None:
    desk.live.control("payments", payments=[{"amount": 2001, "outcome": "declined"}])
    desk.charge("20.01", "order-3")
    desk.expects("Will retry", "The next attempt is at", "Declined for now")
    desk.click("Cancel")
    desk.click("Cancel the charge")
    expect(desk.page.locator("h1")).to_contain_text(re.compile("Cancelled|Processing"))


def _sees_a_dispute(desk: Desk, intent: str) -> None:
    """Found by its id at Stripe, as soon as its webhook has told of it."""
    desk.live.control(f"payment_intents/{intent}/dispute")
    (dispute,) = desk.live.stripe_list("disputes", payment_intent=intent)
    desk.find(dispute["id"])
    desk.awaits("Disputed: needs response")
    desk.expects("Answer it in Stripe's Dashboard by", "Evidence is due")
    expect(desk.page.get_by_role("link", name="Refund", exact=True)).to_have_count(0)


def _saves_the_evidence(desk: Desk) -> None:
    desk.click("evidence of the mandate")
    desk.expects("Disputed")
    for kind, begins in (("JSON", b'{"'), ("PDF", b"%PDF-")):
        with desk.page.expect_download() as download:
            desk.page.get_by_role("link", name=kind, exact=True).click()
        assert download.value.suggested_filename == f"evidence-{desk.mandate_id}.{kind.lower()}"
        saved = download.value.path().read_bytes()
        assert saved.startswith(begins)
        desk.traffic.texts.append(saved.decode("utf-8", "replace"))


def _withdraws_and_leaves(desk: Desk) -> None:
    desk.click("Withdraw")
    desk.click("Withdraw for good")
    desk.expects("Nothing more is charged.", "Withdrawn")
    expect(desk.page.get_by_role("link", name="Charge", exact=True)).to_have_count(0)
    desk.find(desk.customer_id)
    desk.expects("Withdrawn")
    desk.click("Sign out")
    expect(desk.page.get_by_role("heading", name="Sign in to the console")).to_be_visible()


@pytest.mark.parametrize("hidden", [0, 300, -40])
def test_a_piece_of_a_token_would_be_found(stack: StackJson, hidden: int) -> None:
    token = stack["tokens"]["service"]
    traffic = Traffic([f"<p data-x='{token.replace('.', '')[hidden:][:24]}'>"])
    assert len(traffic.holding(token.split("."))) == 1
    assert Traffic(["<p>eyes, eyJ</p>"]).holding(token.split(".")) == []


def test_a_customer_of_the_shop_does_not_get_in(page: Page) -> None:
    page.goto("/sign-in")
    page.locator("button[name=customer]").first.click()
    page.goto("/console/")
    expect(page.get_by_role("button", name="Sign in as the merchant")).to_be_visible()

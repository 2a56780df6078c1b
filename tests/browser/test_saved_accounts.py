"""<amazon-pay-mandates> in every state that a customer can meet, and when something changes meanwhile."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessibility import accessible
from tests.browser.conftest import Browse
from tests.browser.fake_api import ELEMENT, PERMISSION, FakeApi, charge, come_back, mandate, refund
from tests.browser.moves import go_back
from tests.browser.reader import PHONE
from tests.browser.watch import Watch

Opened = Callable[..., tuple[Page, FakeApi]]

UNANSWERED = r"Failed to load resource.*503"
WITHDRAW, KEEP, CONFIRM = "Withdraw permission", "Keep it", "Withdraw"


@pytest.fixture
def opened(browse: Browse) -> Opened:
    """A page with the element, once it has shown what the API has."""

    def opened(
        *mandates: Any, body: str = ELEMENT, set_up: Any = None, **reader: Any
    ) -> tuple[Page, FakeApi]:
        page = browse(**reader)
        api = FakeApi(page.context, body)
        api.mandates = list(mandates)
        if set_up:
            set_up(api)
        page.goto("/made-up")
        expect(page.locator("section[aria-busy=false]").first).to_be_attached()
        return page, api

    return opened


def article(page: Page, number: int = 0) -> Locator:
    return page.get_by_role("article").nth(number)


def fits(page: Page) -> bool:
    """Nothing needs scrolling sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def with_payments(api: FakeApi) -> None:
    api.charges["m1"] = [
        charge("c1", status="processing"),
        charge("c2", refunded=1299),
        charge("c3", refunded=500),
        charge("c4", status="retrying", will_retry_at="2026-12-01T10:00:00Z"),
        charge("c5", status="failed", end_reason="declined"),
        charge("c6", status="canceled", end_reason="canceled"),
        *(charge(f"c{number}") for number in range(7, 19)),
    ]
    api.refunds = {
        "c2": [refund("succeeded", 1299)],
        "c3": [refund("pending", 100), refund("succeeded", 400)],
    }


def test_an_account_has_its_permission_its_use_and_its_payments_in_words(opened: Opened) -> None:
    page, _ = opened(mandate("m1"), set_up=with_payments)
    account = page.get_by_role("article", name="Amazon Pay, Visa ending in 4242")
    expect(account).to_contain_text("Amazon Pay · Visa ••••\u00a04242")
    expect(account).to_contain_text("Agreed on 3 November 2026")
    expect(account).to_contain_text(
        "Example Shop may charge this account without a fixed schedule: up to US$300.00 each time."
    )
    expect(account).to_contain_text("All charges of one calendar month together: at most US$1,000.00.")
    expect(account).to_contain_text("US$120.00 of US$1,000.00 used, US$880.00 left")
    meter = account.get_by_role("meter", name=re.compile(r"Used from 1\W+30 November 2026"))
    assert meter.evaluate("meter => [meter.value, meter.max]") == [12000, 100000]
    assert account.get_by_role("listitem").filter(has_text="Coffee").all_inner_texts() == [
        "Coffee c1\nUS$12.99\n20 November 2026 · Being confirmed. This can take days.",
        "Coffee c2\nUS$12.99\n20 November 2026 · Refunded in full\n"
        "Refund of US$12.99 made on 21 November 2026",
        "Coffee c3\nUS$12.99\n20 November 2026 · Refunded in part\n"
        "Refund of US$1.00 under way since 21 November 2026\nRefund of US$4.00 made on 21 November 2026",
        "Coffee c4\nUS$12.99\n20 November 2026 · Declined. Will be tried again on 1 December 2026.",
        "Coffee c5\nUS$12.99\n20 November 2026 · Declined. Nothing was taken.",
    ]


def test_older_payments_come_when_asked_for_and_the_reader_is_taken_to_them(opened: Opened) -> None:
    page, _ = opened(mandate("m1"), set_up=with_payments)
    payments = article(page).get_by_role("listitem").filter(has_text="Coffee")
    expect(payments).to_have_count(5)
    page.get_by_role("button", name="Show more").press("Enter")
    expect(payments).to_have_count(15)
    expect(payments.nth(5)).to_be_focused()
    come_back(page)
    expect(payments).to_have_count(15)
    page.get_by_role("button", name="Show more").press("Enter")
    expect(payments).to_have_count(18)
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_accounts_that_ended_are_folded_away_with_their_payments(opened: Opened) -> None:
    never_saved = mandate("m2", status="expired", payment_method_id=None)
    page, _ = opened(mandate("m1", status="revoked"), never_saved, set_up=with_payments)
    expect(page.get_by_text("No Amazon Pay account is saved, so nothing can be charged.")).to_be_visible()
    expect(article(page)).to_be_hidden()
    page.get_by_text("Ended (1)").click()
    expect(article(page)).to_contain_text("Withdrawn · Agreed on 3 November 2026")
    page.get_by_role("button", name="Show payments").click()
    expect(article(page)).to_contain_text("Coffee c1")
    expect(article(page)).to_be_visible()
    accessible(page)


def test_an_account_saved_just_now_is_there_although_the_list_is_behind(opened: Opened) -> None:
    page, _ = opened(mandate("m1", status="pending"), set_up=lambda api: api.latest.append(mandate("m1")))
    expect(page.get_by_role("button", name=WITHDRAW)).to_be_visible()


@pytest.mark.parametrize(
    ("mandates", "words"),
    [
        ([], "No Amazon Pay account is saved"),
        ([mandate("m1", status="pending")], "You began to save Amazon Pay on 3 November 2026."),
        ([mandate("m1", permission=None, spending=None)], "What you agreed to can’t be shown at the moment."),
    ],
)  # fmt: skip
def test_what_there_is_not_is_said(opened: Opened, mandates: list[Any], words: str) -> None:
    page, _ = opened(*mandates, width=PHONE)
    expect(page.get_by_text(words)).to_be_visible()
    accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_german_readers_with_large_text_on_a_narrow_screen(opened: Opened, scheme: str) -> None:
    many = mandate("m1"), mandate("m2", funding=None), mandate("m3", status="revoked")
    page, _ = opened(*many, set_up=with_payments, locale="de-DE", width=320, text=200, scheme=scheme)
    expect(page.get_by_role("heading", name="Ihre gespeicherten Amazon-Pay-Konten")).to_be_visible()
    expect(article(page)).to_contain_text("Example Shop darf dieses Konto ohne festen Zeitplan belasten")
    page.get_by_text("Beendet (1)").click()
    assert fits(page)
    accessible(page)
    page.get_by_role("button", name="Erlaubnis widerrufen").first.click()
    dialog = page.get_by_role("dialog", name="Erlaubnis widerrufen?")
    expect(dialog).to_contain_text(
        "die Erlaubnis für Example Shop, Amazon Pay, Visa mit den Endziffern 4242 zu belasten"
    )
    expect(dialog).to_contain_text(
        "Wird bereits bestätigt und kann daher noch bezahlt werden: 12,99\u00a0$ (Coffee c1)."
    )
    assert fits(page)
    accessible(page)


# ------------------------------------------------------------------------------------------- withdrawing


def test_withdrawing_with_the_keyboard_alone(opened: Opened) -> None:
    page, api = opened(mandate("m1"))
    page.evaluate(
        "document.addEventListener('amazon-pay-withdrawn', ({ detail }) => { window.told = detail })"
    )
    withdraw = page.get_by_role("button", name=WITHDRAW)
    dialog = page.get_by_role("dialog", name="Withdraw your permission?")
    withdraw.press("Enter")
    expect(dialog.get_by_role("button", name=KEEP)).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(withdraw).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert api.revoked == [], "the safe answer has the focus"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said = page.get_by_text("Your permission for Amazon Pay, Visa ending in 4242 is withdrawn.").first
    expect(said).to_be_focused()
    expect(page.get_by_text("Ended (1)")).to_be_visible()
    expect(withdraw).to_have_count(0)
    assert api.revoked == ["m1"]
    assert page.evaluate("window.told") == {"mandate_id": "m1"}


def test_a_list_that_is_behind_brings_no_withdrawn_account_back(opened: Opened) -> None:
    page, api = opened(mandate("m1"))
    api.list_is_behind = True
    page.get_by_role("button", name=WITHDRAW).click()
    page.get_by_role("dialog").get_by_role("button", name=CONFIRM).click()
    expect(page.get_by_text("Ended (1)")).to_be_visible()
    come_back(page)
    expect(page.get_by_text("is withdrawn.").filter(visible=True)).to_have_count(0)
    expect(page.get_by_role("button", name=WITHDRAW)).to_have_count(0)


def test_a_withdrawal_that_fails_says_so_and_can_be_repeated(opened: Opened, watch: Watch) -> None:
    watch.expect(UNANSWERED)
    page, api = opened(mandate("m1"))
    page.clock.install()  # the client waits before it repeats
    api.broken = {"revoke"}
    page.get_by_role("button", name=WITHDRAW).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=CONFIRM).click()
    expect(dialog.get_by_role("button", name="Withdrawing")).to_be_visible()
    page.clock.run_for(60_000)
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    accessible(page)
    api.broken = set()
    dialog.get_by_role("button", name=CONFIRM).click()
    expect(dialog).to_have_count(0)
    assert api.revoked == ["m1"]


def test_impatient_clicks_withdraw_once(opened: Opened) -> None:
    page, api = opened(mandate("m1"))
    api.held = {"revoke": []}
    page.get_by_role("button", name=WITHDRAW).dblclick()
    confirm = page.get_by_role("dialog").get_by_role("button").last
    confirm.dispatch_event("click", {"detail": 2})  # the second of the two
    expect(confirm).to_have_text(CONFIRM)
    confirm.click(click_count=3)
    come_back(page)
    expect(page.get_by_role("dialog")).to_have_count(1)
    [request] = api.held.pop("revoke")
    request.fulfill(json={"mandate_id": "m1", "status": "revoked"})
    api.revoked = ["m1"]
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("Ended (1)")).to_be_visible()


# ------------------------------------------------------------------------------------- what changes meanwhile


def test_an_account_withdrawn_elsewhere_is_no_longer_offered(opened: Opened) -> None:
    page, api = opened(mandate("m1"), mandate("m2", funding=None))
    page.get_by_role("button", name=WITHDRAW).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    api.revoked = ["m1"]
    come_back(page)
    expect(page.get_by_role("dialog")).to_have_count(0)
    said = "Meanwhile, the permission for Amazon Pay, Visa ending in 4242 was withdrawn elsewhere."
    expect(page.get_by_text(said).first).to_be_visible()
    expect(page.get_by_role("button", name=WITHDRAW)).to_have_count(1)


def test_what_cant_be_read_again_stays_with_its_age(opened: Opened, watch: Watch) -> None:
    watch.expect(r"Failed to load resource")
    page, api = opened(mandate("m1"))
    page.clock.install()  # the client waits before it repeats
    api.broken = {"mandates"}
    come_back(page)
    page.clock.run_for(60_000)
    expect(page.get_by_text(re.compile(r"What you see is as of \d\d:\d\d\.")).first).to_be_visible()
    expect(article(page)).to_contain_text("US$880.00 left")
    accessible(page)
    api.mandates[0]["spending"]["left"] = 12300
    api.broken = set()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(article(page)).to_contain_text("US$123.00 left")
    expect(page.get_by_text("What you see is as of", exact=False)).to_have_count(0)


def test_coming_back_leaves_the_reader_where_they_were(opened: Opened) -> None:
    page, api = opened(mandate("m1"), mandate("m2", status="revoked"), set_up=with_payments)
    page.get_by_text("Ended (1)").press("Enter")
    page.get_by_role("button", name="Show more").focus()
    api.mandates[0]["spending"]["left"] = 1
    come_back(page)
    expect(article(page)).to_contain_text("US$0.01 left")
    expect(page.get_by_role("button", name="Show more")).to_be_focused()
    expect(article(page, 1)).to_be_visible()


def test_another_customer_never_sees_the_first_ones_accounts(opened: Opened) -> None:
    page, api = opened(mandate("m1"))
    page.evaluate("window.restored = true")
    page.goto("/elsewhere")
    api.customer, api.held = "customer-2", {"mandates": []}
    go_back(page)
    expect(page.get_by_text("Loading …")).to_be_visible()
    expect(page.get_by_text("4242")).to_have_count(0)
    assert page.evaluate("window.restored"), "the page came from the browser's cache"


@pytest.mark.parametrize("noticed", ["on coming back", "by the page"])
def test_somebody_else_who_signs_in_reads_nothing_about_the_first_one(opened: Opened, noticed: str) -> None:
    theirs = mandate("m2", customer_id="customer-2", funding={"brand": "visa", "last4": "1111"})
    page, api = opened(mandate("m1"), theirs)
    api.customer = "customer-2"
    if noticed == "on coming back":
        come_back(page)
    else:
        page.evaluate(
            "document.querySelector('amazon-pay-mandates').getToken ="
            " async () => (await (await fetch('/token', { method: 'POST' })).json()).token"
        )
    expect(article(page)).to_contain_text("1111")
    expect(page.get_by_text("4242")).to_have_count(0)


def test_who_signed_out_sees_no_accounts(opened: Opened) -> None:
    page, api = opened(
        mandate("m1"), body=ELEMENT.replace("><", "><a slot='signed-out' href='/sign-in'>Sign in</a><")
    )
    api.customer = None
    come_back(page)
    expect(page.get_by_role("heading", name="Please sign in")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_text("4242")).to_have_count(0)
    accessible(page)


# --------------------------------------------------------------------------------------- pages that embed it


def test_two_elements_inside_a_form_send_nothing(opened: Opened) -> None:
    page, _ = opened(mandate("m1"), body=f"<form action='/elsewhere'>{ELEMENT}{ELEMENT}</form>")
    expect(page.get_by_role("button", name=WITHDRAW)).to_have_count(2)
    page.get_by_role("button", name=WITHDRAW).last.click()
    page.get_by_role("dialog").get_by_role("button", name=KEEP).click()
    assert page.url.endswith("/made-up")


def test_rules_for_everything_on_the_page_don_t_reach_inside(opened: Opened) -> None:
    page, _ = opened(mandate("m1"))
    page.evaluate("""() => {
      const hostile = new CSSStyleSheet()
      hostile.replaceSync(`* { color: hotpink !important; text-transform: uppercase; white-space: nowrap }
                           button, article, h2 { display: none !important }`)
      document.adoptedStyleSheets = [hostile]
    }""")
    expect(page.get_by_role("button", name=WITHDRAW)).to_be_visible()
    expect(article(page)).to_have_css("text-transform", "none")
    expect(article(page)).to_have_css("white-space", "normal")
    expect(article(page)).to_have_css("color", "rgb(27, 30, 34)")


def test_made_by_script_moved_and_changed_late(opened: Opened) -> None:
    page, api = opened(mandate("m1"), body=ELEMENT + "<div id='late'></div>")
    api.held = {"mandates": []}
    page.evaluate("""async () => {
      const late = document.createElement('amazon-pay-mandates')
      document.querySelector('#late').append(late)
      late.setAttribute('api', '/nowhere')
      late.setAttribute('token-url', '/token')
      late.setAttribute('api', '/api')
      await new Promise((done) => setTimeout(done, 50))
      document.querySelector('main').prepend(late)
      late.lang = 'de'
    }""")
    expect(page.get_by_text("Wird geladen …")).to_be_visible()
    waiting, api.held = api.held["mandates"], {}
    for request in waiting:
        request.fulfill(json={"mandates": [], "next_cursor": None})
    page.evaluate("document.querySelector('amazon-pay-mandates').remove()")
    expect(page.get_by_role("article")).to_have_count(1)
    expect(article(page)).to_contain_text(json.dumps(PERMISSION["business_name"]).strip('"'))

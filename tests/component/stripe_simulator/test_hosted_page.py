"""The buyer's way through the pages, in a browser without scripts."""

import re
from urllib.parse import urlsplit

import httpx
import pytest
import stripe

from local.stripe_simulator import RunningSimulator, Settings, running_simulator
from tests.component.stripe_simulator.support import CANCEL_URL, Receiver, Shop, client_of


def path_of(url: str | None) -> str:
    assert url is not None
    return urlsplit(url).path


def has(page: httpx.Response, testid: str) -> bool:
    return f'data-testid="{testid}"' in page.text


def test_a_buyer_authorises(shop: Shop, browser: httpx.Client) -> None:
    session = shop.session()
    page = browser.get(path_of(session.url))
    assert page.status_code == 200
    assert "Stripe simulator - test mode" in page.text
    assert "Bean &amp; Leaf" in page.text
    assert has(page, "payment-method-amazon_pay")
    assert not has(page, "payment-method-card")
    assert "Continue to Amazon Pay" in page.text
    assert f'href="{CANCEL_URL}"' in page.text

    chosen = browser.post(path_of(session.url), data={"payment_method": "amazon_pay"})
    assert chosen.status_code == 303
    assert shop.intent(session.id).status == "requires_action"
    amazon = browser.get(chosen.headers["location"])
    assert "Authorize test setup" in amazon.text
    assert "Fail test setup" in amazon.text
    assert f'href="{path_of(session.url)}"' in amazon.text

    done = browser.post(f"{chosen.headers['location']}/authorize")
    assert done.status_code == 303
    assert done.headers["location"] == f"https://shop.example/return?session={session.id}"
    mandate = shop.intent(session.id, "mandate").mandate
    assert isinstance(mandate, stripe.Mandate)
    assert mandate.customer_acceptance.online is not None
    assert mandate.customer_acceptance.online.user_agent == "Test browser"
    assert shop.event_types().count("setup_intent.requires_action") == 1


def test_a_buyer_fails_and_tries_again(shop: Shop, browser: httpx.Client) -> None:
    session = shop.session()
    for _ in range(2):
        amazon = browser.post(path_of(session.url), data={"payment_method": "amazon_pay"}).headers["location"]
        failed = browser.post(f"{amazon}/fail")
        assert (failed.status_code, failed.headers["location"]) == (303, path_of(session.url))
        page = browser.get(failed.headers["location"])
        assert 'role="alert"' in page.text
        assert 'data-code="setup_intent_authentication_failure"' in page.text
    assert browser.post(f"{amazon}/authorize").status_code == 303
    assert shop.intent(session.id).status == "succeeded"


def test_a_buyer_must_choose_something_that_is_offered(shop: Shop, browser: httpx.Client) -> None:
    session = shop.session()
    for form in ({}, {"payment_method": "card"}):
        answer = browser.post(path_of(session.url), data=form)
        assert answer.status_code == 400
        assert has(answer, "checkout-form")
    assert browser.get(f"/c/card/{session.id}").status_code == 404
    assert shop.intent(session.id).status == "requires_payment_method"


def test_required_terms_must_be_accepted(shop: Shop, browser: httpx.Client) -> None:
    session = shop.session(consent_collection={"terms_of_service": "required"})
    assert has(browser.get(path_of(session.url)), "terms")
    form = {"payment_method": "amazon_pay"}
    assert browser.post(path_of(session.url), data=form).status_code == 400
    accepted = browser.post(path_of(session.url), data=form | {"terms_of_service": "accepted"})
    browser.post(f"{accepted.headers['location']}/authorize")
    consent = shop.client.v1.checkout.sessions.retrieve(session.id).consent
    assert consent is not None
    assert consent.terms_of_service == "accepted"


def test_the_shop_can_show_the_agreement_itself(shop: Shop, browser: httpx.Client) -> None:
    assert has(browser.get(path_of(shop.session().url)), "agreement")
    hidden = {"payment_method_reuse_agreement": {"position": "hidden"}}
    assert not has(browser.get(path_of(shop.session(consent_collection=hidden).url)), "agreement")


def test_everything_is_escaped(shop: Shop, browser: httpx.Client) -> None:
    evil = '"><script>alert(1)</script>'
    session = shop.session(
        customer=shop.customer(email=f"{evil}@x.example").id,
        cancel_url=f"https://shop.example/{evil}",
        custom_text={"submit": {"message": evil}},
    )
    page = browser.get(path_of(session.url))
    assert "<script" not in page.text
    assert page.text.count("&lt;script&gt;alert(1)") == 3


def test_pages_have_no_scripts_and_unique_labelled_controls(shop: Shop, browser: httpx.Client) -> None:
    session = shop.session(consent_collection={"terms_of_service": "required"})
    for path in (path_of(session.url), f"/c/amazon_pay/{session.id}"):
        page = browser.get(path)
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert '<html lang="en">' in page.text
        assert page.text.count("<h1") == page.text.count("<main") == 1
        ids = re.findall(r' id="([^"]+)"', page.text)
        assert len(ids) == len(set(ids))
        inputs = re.findall(r'<input [^>]*id="([^"]+)"', page.text)
        assert all(
            f'<label class="option" for="{i}"' in page.text or f'for="{i}"' in page.text for i in inputs
        )


@pytest.mark.parametrize(("ending", "title"), [("expire", "has expired"), ("authorize", "all done here")])
def test_a_session_that_is_over_says_so(shop: Shop, browser: httpx.Client, ending: str, title: str) -> None:
    session = shop.session()
    getattr(shop.simulator.core, ending)(session.id)
    for method, path in [
        ("GET", path_of(session.url)),
        ("POST", path_of(session.url)),
        ("GET", f"/c/amazon_pay/{session.id}"),
        ("POST", f"/c/amazon_pay/{session.id}/authorize"),
        ("POST", f"/c/amazon_pay/{session.id}/fail"),
    ]:
        answer = browser.request(method, path)
        assert answer.status_code == 410
        assert title in answer.text


@pytest.mark.parametrize("path", ["/c/pay/cs_test_none", "/c/amazon_pay/cs_test_none", "/c/", "/c/pay"])
def test_an_unknown_page_says_so(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert has(answer, "message-title")


def test_the_way_back_waits_for_the_webhook(shop: Shop, browser: httpx.Client, receiver: Receiver) -> None:
    shop.endpoint(receiver, "checkout.session.completed")
    receiver.slow = 0.2
    session = shop.session()
    browser.post(f"/c/amazon_pay/{session.id}/authorize")
    assert receiver.types() == ["checkout.session.completed"]
    assert shop.client.v1.events.list({"type": "checkout.session.completed"}).data[0].pending_webhooks == 0


def test_the_way_back_does_not_wait_forever(receiver: Receiver) -> None:
    def authorise(simulator: RunningSimulator) -> int:
        shop = Shop(simulator, client_of(simulator))
        shop.endpoint(receiver)
        receiver.slow = 0.5
        session = shop.session()
        answer = httpx.post(f"{simulator.url}/c/amazon_pay/{session.id}/authorize", trust_env=False)
        assert (
            shop.client.v1.events.list({"type": "checkout.session.completed"}).data[0].pending_webhooks == 1
        )
        return answer.status_code

    with running_simulator(Settings(redirect_wait=0.1)) as simulator:
        assert authorise(simulator) == 303

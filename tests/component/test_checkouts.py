"""POST /checkout-sessions: consent recorded first, one open session per customer, restart-safe."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from stripe import AuthenticationError, SetupIntent
from stripe.checkout import SessionService

from local.journey import consent_to
from mandates.core.checkout_times import IDEMPOTENCY_WINDOW_SECONDS, SESSION_LIFETIME_SECONDS
from mandates.core.clock import Instant
from mandates.core.ledger import first_broken
from mandates.core.return_tokens import digest_of
from mandates.core.terms import checked
from mandates.gateway.checkout_sessions import StripeCheckoutSessions
from mandates.setup import checkouts
from mandates.store.customers import read_slot
from mandates.store.mandates import mandates_of, read_heads, read_ledger, read_personal
from mandates.store.published_terms import publish_terms
from tests.component.world import CUSTOMER, ORIGIN, STRANGER, Answer, World, checkout_body, customer, service

SESSIONS = "/v1/checkout/sessions"
LOST_ANSWERS = {"effect": "timeout_after_effect", "method": "POST", "path": SESSIONS}
DOWN = {"effect": "server_error", "status": 503, "path": SESSIONS}
OTHER: dict[str, Any] = {"success_url": f"{ORIGIN}/elsewhere"}


def sessions_made(world: World) -> int:
    return len(world.stripe_client().v1.checkout.sessions.list({"limit": 100}).data)


def status_of(world: World, mandate_id: str) -> str:
    return str(world.get_mandate(mandate_id).body["status"])


def test_what_stripe_is_asked_for(world: World) -> None:
    opened = world.begun()
    session = world.stripe_client().v1.checkout.sessions.retrieve(
        opened["checkout_session_id"], {"expand": ["setup_intent"]}
    )
    assert session.mode == "setup"
    assert session.payment_method_types == ["amazon_pay"]
    assert session.success_url
    assert session.success_url.startswith(
        f"{ORIGIN}/return?checkout_session_id={{CHECKOUT_SESSION_ID}}&return_token="
    )
    assert session.metadata
    assert session.metadata["mandate_id"] == opened["mandate_id"]
    assert isinstance(session.setup_intent, SetupIntent)
    assert session.setup_intent.metadata
    assert session.setup_intent.metadata["managed_by"] == "test-stack"
    assert abs(session.expires_at - time.time() - SESSION_LIFETIME_SECONDS) < 60


def test_the_consent_is_recorded_word_for_word_and_its_author_beside_the_chain(world: World) -> None:
    mandate_id = world.begun()["mandate_id"]
    head, entries = read_heads([mandate_id])[mandate_id], read_ledger(mandate_id)
    assert first_broken(entries, length=head.entries, head_hash=head.head_hash) is None
    consent = entries[0]
    assert consent.kinds == ["consent_accepted"]
    assert consent.text == world.terms.wording("en")
    assert consent.facts[0]["detail"] == {
        "terms_version": world.terms.version,
        "terms_digest": world.terms.digest,
        "locale": "en",
        "wording_digest": world.terms.wording_digest("en"),
        "return_token_digest": digest_of(world.return_token(head.checkout_session_id or "")),
    }
    kept = read_personal(mandate_id)[1]
    assert {name: value.value for name, value in kept.items()} == {
        "source_ip": "203.0.113.7",
        "user_agent": "pytest",
        "subject": CUSTOMER,
        "issuer": "https://issuer.example",
    }
    assert {name: value.commitment for name, value in kept.items()} == consent.commitments
    assert CUSTOMER not in str(consent)


def test_the_same_request_gets_the_same_open_session(world: World) -> None:
    first, again = world.begun(), world.post_checkout()
    assert again.status == 200
    assert again.body == first
    assert sessions_made(world) == 1


def test_a_double_click_opens_one_session(world: World) -> None:
    world.put_customer()
    world.function("create_checkout_session")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.post_checkout(), range(8)))
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.body["checkout_session_id"] for answer in answers}) == 1
    assert sessions_made(world) == 1


def test_a_session_completed_while_its_webhook_is_late_is_not_handed_out_again(world: World) -> None:
    first = world.begun()
    world.stripe.core.authorize(first["checkout_session_id"])
    again = world.post_checkout()
    assert again.status == 201
    assert again.body["mandate_id"] != first["mandate_id"]
    assert status_of(world, first["mandate_id"]) == "active"


def test_another_request_ends_the_open_session_first(world: World) -> None:
    first = world.begun()
    second = world.post_checkout(success_url=f"{ORIGIN}/elsewhere")
    assert second.status == 201
    assert second.body["mandate_id"] != first["mandate_id"]
    session = world.stripe_client().v1.checkout.sessions.retrieve(first["checkout_session_id"])
    assert session.status == "expired"
    assert status_of(world, first["mandate_id"]) == "expired"
    world.run_webhooks()
    assert status_of(world, second.body["mandate_id"]) == "pending"


@pytest.mark.parametrize("field", ["success_url", "cancel_url"])
def test_a_url_that_stripe_refuses_is_the_callers_to_mend_and_remembered(world: World, field: str) -> None:
    world.put_customer()
    world.faults({"effect": "rejected", "path": SESSIONS, "param": field, "code": "url_invalid"})
    refused = world.post_checkout()
    assert (refused.status, refused.body["code"]) == (422, "redirect_refused_by_stripe")
    assert (refused.body["field"], refused.body["stripe_code"]) == (field, "url_invalid")
    slot, asked = read_slot(CUSTOMER), len(world.stripe.core.requests())
    assert slot
    assert status_of(world, slot.mandate_id) == "expired"
    world.faults()
    assert world.post_checkout() == refused
    assert read_slot(CUSTOMER) == slot
    assert len(world.stripe.core.requests()) == asked
    other: dict[str, Any] = {field: f"{ORIGIN}/elsewhere"}
    assert world.post_checkout(**other).status == 201
    assert world.post_checkout().status == 201
    assert sessions_made(world) == 2


def test_a_refusal_is_forgotten_when_its_session_would_be_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_customer()
    world.faults({"effect": "rejected", "path": SESSIONS, "param": "success_url"})
    assert world.post_checkout().status == 422
    world.faults()
    later(world, SESSION_LIFETIME_SECONDS + 60, monkeypatch)  # Stripe's, too: it looks at this machine's
    caller = customer(expires_at=str(int(time.time()) + 99))
    assert world.post_checkout(caller=caller).status == 201


def test_a_url_refused_when_the_creation_is_repeated_begins_no_second_mandate(world: World) -> None:
    world.put_customer()
    world.faults(DOWN)
    assert world.post_checkout().status == 503
    unresolved = read_slot(CUSTOMER)
    assert unresolved
    world.faults({"effect": "rejected", "path": SESSIONS, "param": "success_url"})
    assert world.post_checkout().status == 422
    refused = read_slot(CUSTOMER)
    assert refused
    assert refused.mandate_id == unresolved.mandate_id
    world.faults()
    assert world.post_checkout(**OTHER).status == 201


def test_an_unresolved_creation_whose_url_is_refused_needs_no_end(world: World) -> None:
    world.put_customer()
    world.faults(DOWN)
    assert world.post_checkout().status == 503
    unresolved = read_slot(CUSTOMER)
    assert unresolved
    world.faults({"effect": "rejected", "path": SESSIONS, "param": "success_url", "times": 1})
    assert world.post_checkout(**OTHER).status == 201
    assert status_of(world, unresolved.mandate_id) == "expired"


def test_a_refusal_that_was_not_told_to_the_mandate_is_told_once_it_is_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_customer()
    world.faults({"effect": "rejected", "path": SESSIONS, "param": "success_url", "times": 1})

    def dies(*_: Any) -> None:
        raise RuntimeError("the container is gone")

    with monkeypatch.context() as dying:
        dying.setattr(checkouts, "contribute_ours", dies)
        assert world.post_checkout().status == 500
    slot = read_slot(CUSTOMER)
    assert slot
    assert status_of(world, slot.mandate_id) == "pending"
    assert world.post_checkout().status == 422
    assert world.post_checkout(**OTHER).status == 201
    assert status_of(world, slot.mandate_id) == "expired"
    open_sessions = world.stripe_client().v1.checkout.sessions.list({"status": "open"}).data
    assert len(open_sessions) == 1


def another(world: World, number: int) -> Answer:
    return world.post_checkout(success_url=f"{ORIGIN}/{number}")


def test_ten_new_sessions_in_an_hour_and_reusing_one_is_free(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_customer()
    assert [another(world, number).status for number in range(10)] == [201] * 10
    slot, asked = read_slot(CUSTOMER), len(world.stripe.core.requests())
    refused = another(world, 10)
    assert (refused.status, refused.body["code"]) == (429, "too_many_checkouts")
    wait = int(refused.headers["Retry-After"])
    assert 3500 < wait <= 3600
    assert read_slot(CUSTOMER) == slot
    assert len(world.stripe.core.requests()) == asked, "the open session is not ended for nothing"
    assert another(world, 9).status == 200
    world.put_customer(STRANGER)
    assert world.post_checkout(STRANGER).status == 201
    later(world, wait, monkeypatch)
    in_time = customer(expires_at=str(int(time.time()) + 600))
    assert world.post_checkout(success_url=f"{ORIGIN}/10", caller=in_time).status == 201


def test_many_at_once_begin_no_more_than_ten(world: World) -> None:
    world.put_customer()
    world.function("create_checkout_session")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: another(world, number), range(24)))
    assert {answer.status for answer in answers} <= {201, 429, 503}
    begun = {answer.body["mandate_id"] for answer in answers if answer.status == 201}
    assert len(begun) <= 10
    assert len(mandates_of_customer()) <= 10
    assert another(world, 99).status == 429


def mandates_of_customer() -> list[Any]:
    return list(mandates_of(CUSTOMER))


@pytest.mark.parametrize("ending", ["completed", "refused", "failed"])
def test_what_was_begun_counts_whatever_became_of_it(world: World, ending: str) -> None:
    world.put_customer()
    if ending == "refused":
        world.faults({"effect": "rejected", "path": SESSIONS})
    if ending == "failed":
        world.faults({"effect": "server_error", "status": 500, "method": "POST", "path": SESSIONS})
    statuses: list[int] = []
    while not statuses or (statuses[-1] != 429 and len(statuses) < 30):
        answer = world.post_checkout()
        statuses.append(answer.status)
        if ending == "completed" and answer.status == 201:
            world.stripe.core.authorize(answer.body["checkout_session_id"])
    assert statuses[-1] == 429
    assert len(mandates_of_customer()) == 10


def test_a_session_completed_just_before_it_was_to_be_replaced_stays_set_up(world: World) -> None:
    first = world.begun()
    world.stripe.core.authorize(first["checkout_session_id"])
    second = world.post_checkout(success_url=f"{ORIGIN}/elsewhere")
    assert second.status == 201
    world.run_webhooks()
    assert status_of(world, first["mandate_id"]) == "active"


@pytest.mark.parametrize(
    ("changes", "fault", "code"),
    [
        (OTHER, {"effect": "rejected", "method": "POST"}, "stripe_refused"),
        (OTHER, {"effect": "resource_missing"}, "unknown_at_stripe"),
        (OTHER, {"effect": "resource_missing", "method": "POST"}, "unknown_at_stripe"),
        ({}, {"effect": "resource_missing"}, "unknown_at_stripe"),
        ({}, {"effect": "rejected"}, "stripe_refused"),
    ],
)
def test_no_other_session_is_opened_while_the_first_may_be_open(
    world: World, changes: dict[str, Any], fault: dict[str, Any], code: str
) -> None:
    first, slot = world.begun(), read_slot(CUSTOMER)
    world.faults({**fault, "path": f"{SESSIONS}/"})
    refused = world.post_checkout(**changes)
    assert (refused.status, refused.body["code"]) == (502, code)
    assert read_slot(CUSTOMER) == slot
    assert status_of(world, first["mandate_id"]) == "pending"
    assert sessions_made(world) == 1
    world.faults()
    again = world.post_checkout(**changes)
    assert again.status == (201 if changes else 200)
    open_sessions = world.stripe_client().v1.checkout.sessions.list({"status": "open"}).data
    assert [session.id for session in open_sessions] == [again.body["checkout_session_id"]]


def test_a_creation_that_was_refused_needs_no_end(world: World) -> None:
    world.put_customer()
    world.faults(DOWN)
    assert world.post_checkout().status == 503
    unresolved = read_slot(CUSTOMER)
    assert unresolved
    world.faults({"effect": "rejected", "path": SESSIONS, "times": 1})
    assert world.post_checkout(**OTHER).status == 201
    assert status_of(world, unresolved.mandate_id) == "expired"


@pytest.mark.parametrize("fault", [LOST_ANSWERS, DOWN])
def test_a_retry_goes_on_where_the_answer_was_lost(world: World, fault: dict[str, Any]) -> None:
    world.put_customer()
    world.faults(fault)
    assert world.post_checkout().status == 503
    slot = read_slot(CUSTOMER)
    assert slot
    assert slot.checkout_session_id is None
    world.faults()
    retried = world.post_checkout()
    assert (retried.status, retried.body["mandate_id"]) == (200, slot.mandate_id)
    assert sessions_made(world) == 1
    sent = [request for request in world.stripe.core.requests() if request.path == SESSIONS]
    assert len({request.idempotency_key for request in sent if request.method == "POST"}) == 1
    assert [entry.kinds for entry in read_ledger(slot.mandate_id)] == [
        ["consent_accepted"],
        ["session_created"],
    ]


def test_a_different_request_after_a_lost_answer_ends_that_session_too(world: World) -> None:
    world.put_customer()
    world.faults(LOST_ANSWERS)
    assert world.post_checkout().status == 503
    world.faults()
    assert world.post_checkout(success_url=f"{ORIGIN}/elsewhere").status == 201
    open_sessions = world.stripe_client().v1.checkout.sessions.list({"status": "open"}).data
    assert len(open_sessions) == 1


def test_a_creation_too_old_to_repeat_is_left_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put_customer()
    world.faults(DOWN)
    world.post_checkout()
    world.faults()
    abandoned = read_slot(CUSTOMER)
    assert abandoned
    shift = IDEMPOTENCY_WINDOW_SECONDS + 60
    world.advance_stripe(shift)
    later(world, shift, monkeypatch)
    again = world.post_checkout(caller=customer(expires_at=str(int(time.time()) + shift + 99)))
    assert again.status == 201
    assert again.body["mandate_id"] != abandoned.mandate_id
    assert status_of(world, abandoned.mandate_id) == "expired"


def test_after_expiry_a_new_session_is_opened(world: World) -> None:
    first = world.begun()
    world.stripe.core.expire(first["checkout_session_id"])
    world.run_webhooks()
    assert status_of(world, first["mandate_id"]) == "expired"
    assert world.post_checkout().status == 201


def test_a_declined_customer_may_try_again_in_the_same_session(world: World) -> None:
    opened = world.begun()
    world.stripe.core.decline(opened["checkout_session_id"])
    world.run_webhooks()
    mandate = world.get_mandate(opened["mandate_id"]).body
    assert mandate["status"] == "pending"
    assert "setup_failed" in mandate["ledger"][-1]["kinds"]
    assert world.post_checkout().body == opened
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()
    assert status_of(world, opened["mandate_id"]) == "active"


def test_stripe_refusing_leaves_nothing_pending(world: World) -> None:
    world.put_customer()
    world.faults({"effect": "rejected", "path": SESSIONS})
    refused = world.post_checkout()
    assert (refused.status, refused.body["code"]) == (502, "stripe_refused")
    slot = read_slot(CUSTOMER)
    assert slot
    assert status_of(world, slot.mandate_id) == "expired"


def test_terms_must_be_the_current_ones_and_accepted(world: World) -> None:
    world.put_customer()
    for accepted in (False, ...):
        refused = world.post_checkout(accepted=accepted)
        assert (refused.status, refused.body["code"]) == (422, "consent_required")
    assert world.post_checkout(accepted="yes").status == 400
    publish_terms(replace(world.terms, version="2027-01-01"), Instant(time.time()))
    superseded = world.post_checkout()
    assert superseded.status == 409
    assert superseded.body["current_version"] == "2027-01-01"
    assert world.stripe_client().v1.checkout.sessions.list().data == []


@pytest.mark.parametrize(
    "shown",
    [
        {"terms_version": "2026-10-01"},
        {"terms_digest": "0" * 64},
        {"wording_digest": "0" * 64},
        {"locale": "de"},
        {"locale": "de-AT"},
        {"locale": "fr"},
    ],
)
def test_what_was_not_shown_word_for_word_is_not_recorded(world: World, shown: dict[str, str]) -> None:
    world.put_customer()
    sent = {**checkout_body(world.terms), **shown}
    refused = post(world, sent)
    assert (refused.status, refused.body["code"]) == (409, "terms_changed")
    assert read_slot(CUSTOMER) is None
    current = world.call("read_terms", "/terms/current", query={"locale": sent["locale"]}).body
    for name in ("version", "digest", "locale", "wording_digest"):
        assert refused.body[f"current_{name}"] == current[name]
    assert post(world, {**sent, **consent_to(current)}).status == 201


@pytest.mark.parametrize(
    ("wanted", "served"),
    [
        (None, "en"),
        ("", "en"),
        ("en", "en"),
        ("EN", "en"),
        ("en-US-u-hc-h12", "en"),
        ("de_AT", "de"),
        ("de-DE-x-formal", "de-DE-x-formal"),
        ("DE-de-X-Formal", "de-DE-x-formal"),
        ("de-DE-x-informal", "de"),
        ("pt-br", "pt-BR"),
        ("pt", "en"),
        ("zh-Hant-HK", "zh-Hant"),
        ("*", "en"),
        ("<script>", "en"),
        ("a" * 4000, "en"),
        ("språk", "en"),
    ],
)
def test_whatever_get_is_asked_for_post_takes_what_it_answered(
    world: World, wanted: str | None, served: str
) -> None:
    """And nothing else: what was asked for is no locale of the terms."""
    locales = ("en", "de", "de-DE-x-formal", "pt-BR", "zh-Hant")
    world.terms = replace(
        world.terms,
        version="2027-01-01",
        texts={locale: {**world.terms.texts["en"], "timing": f"In {locale}."} for locale in locales},
    )
    publish_terms(checked(world.terms.to_plain()), Instant(time.time()))
    world.put_customer()
    query = {} if wanted is None else {"locale": wanted}
    shown = world.call("read_terms", "/terms/current", query=query)
    assert (shown.status, shown.body["locale"]) == (200, served)
    if wanted != served:
        refused = post(world, {**checkout_body(world.terms), **consent_to(shown.body), "locale": wanted})
        assert refused.status in {400, 409}
        assert refused.body["code"] in {"invalid_request", "terms_changed"}
        assert read_slot(CUSTOMER) is None
    opened = post(world, {**checkout_body(world.terms), **consent_to(shown.body)})
    assert opened.status == 201
    assert world.get_mandate(opened.body["mandate_id"]).body["locale"] == served


@pytest.mark.parametrize("left_out", ["terms_version", "terms_digest", "locale", "wording_digest"])
def test_what_was_shown_is_never_guessed(world: World, left_out: str) -> None:
    world.put_customer()
    change: dict[str, Any] = {left_out: ...}
    refused = world.post_checkout(**change)
    assert (refused.status, refused.body["code"]) == (400, "invalid_request")
    assert left_out in refused.body["detail"]
    assert read_slot(CUSTOMER) is None


@pytest.mark.parametrize("locale", ["en", "de"])
def test_what_was_shown_is_what_is_recorded(world: World, locale: str) -> None:
    world.put_customer()
    shown = world.call("read_terms", "/terms/current", query={"locale": f"{locale}-AT"}).body
    mandate_id = post(world, {**checkout_body(world.terms), **consent_to(shown)}).body["mandate_id"]
    (consent,) = read_ledger(mandate_id)[0].facts
    assert read_ledger(mandate_id)[0].text == shown["text"]
    for name in ("locale", "wording_digest"):
        assert consent["detail"][name] == shown[name] == world.get_mandate(mandate_id).body[name]


def post(world: World, body: dict[str, Any]) -> Answer:
    return world.call(
        "create_checkout_session", "/checkout-sessions", method="POST", body=body, caller=customer()
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/return",
        "https://shop.example.evil.example/",
        "https://evil-shop.example/",
        "https://shop.example@evil.example/",
        "https://user:pass@shop.example/",
        "javascript:alert(1)",
        "//shop.example/return",
        "https://shop.example\\@evil.example/",
        "http://shop.example/return",
        "https://shop.example:8443/return",
        "https://shop.example/return#fragment",
        "https://shop.example/\treturn",
        "not a url",
    ],
)
@pytest.mark.parametrize("field", ["success_url", "cancel_url"])
def test_a_redirect_to_anywhere_else_is_refused(world: World, field: str, url: str) -> None:
    world.put_customer()
    refused = world.post_checkout(**{field: url}, caller=customer())
    assert (refused.status, refused.body["code"]) == (422, "redirect_not_allowed")
    assert refused.body["field"] == field
    assert read_slot(CUSTOMER) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"terms_version": ...}, "terms_version"),
        ({"success_url": 5}, "success_url"),
        ({"cancel_url": ""}, "cancel_url"),
        ({"locale": "<script>"}, "locale"),
        ({"nickname": "x"}, "nickname"),
    ],
)
def test_a_wrong_field_is_named(world: World, change: dict[str, Any], named: str) -> None:
    world.put_customer()
    refused = world.post_checkout(**change)
    assert refused.status == 400
    assert named in refused.body["detail"]


def test_a_customer_must_exist_at_stripe(world: World) -> None:
    refused = world.post_checkout()
    assert (refused.status, refused.body["code"]) == (409, "customer_required")
    stripe_customer_id = world.put_customer().body["stripe_customer_id"]
    world.stripe.core.delete_customer(stripe_customer_id)
    world.run_webhooks()
    assert world.post_checkout().status == 409


def test_a_service_cannot_consent_for_a_customer(world: World) -> None:
    world.put_customer()
    assert world.post_checkout(caller=service("mandates:write")).status == 403


def later(world: World, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the functions' clock; the simulator's is moved by `advance`."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + seconds)


def test_a_500_that_stripe_replays_does_not_lock_the_customer_out(world: World) -> None:
    world.put_customer()
    world.faults({"effect": "server_error", "status": 500, "method": "POST", "path": SESSIONS, "times": 1})
    assert world.post_checkout().status == 503
    locked = read_slot(CUSTOMER)
    assert locked
    again = world.post_checkout()
    assert again.status == 201
    assert again.body["mandate_id"] != locked.mandate_id
    assert status_of(world, locked.mandate_id) == "expired"


def test_an_ended_session_that_is_not_the_mandates_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.begun()
    world.stripe.core.authorize(first["checkout_session_id"])
    real = StripeCheckoutSessions.retrieve
    monkeypatch.setattr(
        StripeCheckoutSessions, "retrieve", lambda self, one: {**real(self, one), "customer": "cus_somebody"}
    )
    assert world.post_checkout().status == 201
    assert status_of(world, first["mandate_id"]) == "pending"


def test_a_rolled_api_key_costs_no_mandates(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put_customer()

    def refused(*_: Any, **__: Any) -> None:
        raise AuthenticationError("Invalid API key", http_status=401)

    with monkeypatch.context() as rolled:
        rolled.setattr(SessionService, "create", refused)
        for _ in range(3):
            assert world.post_checkout().status == 502
    slot = read_slot(CUSTOMER)
    assert slot
    assert status_of(world, slot.mandate_id) == "pending"
    assert world.post_checkout().body["mandate_id"] == slot.mandate_id


def test_a_checkout_overtaken_by_another_hands_out_that_ones_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_customer()
    take_slot = vars(checkouts)["take_slot"]
    others: list[Any] = []

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(checkouts, "take_slot", take_slot)
        others.append(world.post_checkout().body)
        take_slot(*arguments)

    monkeypatch.setattr(checkouts, "take_slot", overtaken)
    assert world.post_checkout().body == others[0]
    assert sessions_made(world) == 1

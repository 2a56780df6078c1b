"""POST /checkout-sessions/{id}/return: whether it was the customer themselves who came back."""

import json
import threading
import time
from typing import Any

import pytest

from mandates.api.callers import NOT_YOURS
from mandates.core.ledger import first_broken
from mandates.core.return_tokens import digest_of
from mandates.store.conflicts import Conflict
from mandates.store.customers import read_slot
from mandates.store.mandates import commit as store_commit
from mandates.store.mandates import read_heads, read_ledger
from tests.component.test_privacy import everything_stored, run
from tests.component.world import CUSTOMER, ORIGIN, STRANGER, World, customer, metrics, service

WRONG = "t" * 43
THIRD = "auth0|carol"


def entries(begun: Any) -> list[str]:
    head, ledger = read_heads([begun["mandate_id"]])[begun["mandate_id"]], read_ledger(begun["mandate_id"])
    assert first_broken(ledger, length=head.entries, head_hash=head.head_hash) is None
    return [f"{fact['kind']}#{fact['qualifier']}" for entry in ledger for fact in entry.facts]


def shown(world: World, begun: Any) -> Any:
    return world.get_mandate(begun["mandate_id"], service("mandates:read")).body["returned"]


def test_the_customer_comes_back(world: World) -> None:
    begun = world.begun()
    session_id = begun["checkout_session_id"]
    assert shown(world, begun) == {"customer": None, "another": None}
    back = world.come_back(session_id)
    assert (back.status, back.body["status"]) == (200, "pending")
    assert back.body["returned"]["customer"]
    assert back.body["returned"]["another"] is None
    assert shown(world, begun) == world.return_page(session_id).body["returned"] == back.body["returned"]


def test_who_says_it_again_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = world.begun()
    first = world.come_back(begun["checkout_session_id"])
    length = len(entries(begun))
    real = time.time
    for seconds in (5, -5):  # a clock that was set back, too
        monkeypatch.setattr(time, "time", lambda seconds=seconds: real() + seconds)
        assert world.come_back(begun["checkout_session_id"]).body == first.body
    assert len(entries(begun)) == length


def test_another_comes_back_and_is_told_nothing(world: World) -> None:
    """They opened the address of the customer's page, and are signed in as themselves."""
    begun = world.begun()
    session_id = begun["checkout_session_id"]
    world.stripe.core.authorize(session_id)
    world.run_webhooks()
    theirs = world.come_back(session_id, customer(STRANGER))
    unknown = world.come_back("cs_unknown", customer(STRANGER), token=WRONG)
    assert (theirs.status, theirs.body) == (404, unknown.body)
    assert theirs.body["detail"] == NOT_YOURS
    length = len(entries(begun))
    assert entries(begun).count("returned#another") == 1
    for other in (STRANGER, THIRD):
        assert world.come_back(session_id, customer(other)).status == 404
    assert len(entries(begun)) == length
    found = shown(world, begun)
    assert (found["customer"], bool(found["another"])) == (None, True)
    assert world.get_mandate(begun["mandate_id"]).body["status"] == "active"
    assert STRANGER not in everything_stored()


def test_both_may_come_back(world: World) -> None:
    begun = world.begun()
    world.come_back(begun["checkout_session_id"], customer(STRANGER))
    back = world.come_back(begun["checkout_session_id"])
    assert all(back.body["returned"].values())
    assert entries(begun)[-2:] == ["returned#another", "returned#customer"]


@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [(CUSTOMER, 422, "wrong_return_token"), (STRANGER, 404, "not_found")],
)
def test_with_a_wrong_token_nothing_is_recorded(world: World, caller: str, status: int, code: str) -> None:
    begun = world.begun()
    before = everything_stored()
    for token in (WRONG, digest_of(WRONG)[:43], begun["mandate_id"].ljust(43, "A")):
        answer = world.come_back(begun["checkout_session_id"], customer(caller), token=token)
        assert (answer.status, answer.body["code"]) == (status, code)
    assert everything_stored() == before


@pytest.mark.parametrize("token", ["", "short", WRONG + "t", f"{WRONG[:-1]}=", f"{WRONG}\n", 5, None, ["x"]])
def test_what_is_no_token_is_refused_by_name(world: World, token: Any) -> None:
    begun = world.begun()
    answer = world.call(
        "record_return",
        "/checkout-sessions/{checkout_session_id}/return",
        method="POST",
        path={"checkout_session_id": begun["checkout_session_id"]},
        body={"return_token": token},
        caller=customer(),
    )
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")
    assert "return_token" in answer.body["detail"]


def test_another_checkouts_token_is_a_wrong_one(world: World) -> None:
    first, theirs = world.begun(), world.begun(STRANGER)
    token = world.return_token(theirs["checkout_session_id"])
    assert world.come_back(first["checkout_session_id"], token=token).status == 422
    assert shown(world, first) == shown(world, theirs) == {"customer": None, "another": None}


def test_two_at_once_are_recorded_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one looked at its clock first, and finds the other's entry when it writes."""
    begun = world.begun()
    world.function("record_return")
    real, overtaken = time.time, threading.Event()

    def commit(*arguments: Any) -> None:
        if not overtaken.is_set():
            overtaken.set()
            with monkeypatch.context() as later:
                later.setattr(time, "time", lambda: real() + 5)
                assert world.come_back(begun["checkout_session_id"]).status == 200
            raise Conflict
        store_commit(*arguments)

    monkeypatch.setattr("mandates.ledger.contributing.commit", commit)
    assert world.come_back(begun["checkout_session_id"]).status == 200
    assert entries(begun).count("returned#customer") == 1


def test_only_another_is_counted_and_once(world: World) -> None:
    begun = world.begun()
    world.function("record_return")

    def come(caller: str) -> Any:
        return metrics(lambda: world.come_back(begun["checkout_session_id"], customer(caller)))

    assert come(CUSTOMER) == {}
    assert come(STRANGER) == {"ReturnsByAnother": [1]}
    assert come(STRANGER) == come(THIRD) == {}


def test_a_service_does_not_come_back(world: World) -> None:
    begun = world.begun()
    assert world.come_back(begun["checkout_session_id"], service("mandates:write")).status == 403


def test_the_token_is_in_no_answer_and_gone_from_the_tables_with_stripes_answer(world: World) -> None:
    world.put_customer()
    answers = [world.post_checkout(), world.post_checkout()]  # opened, and handed out again
    session_id = answers[0].body["checkout_session_id"]
    token = world.return_token(session_id)
    answers += [
        world.return_page(session_id),
        world.come_back(session_id),
        world.come_back(session_id, customer(STRANGER)),
        world.get_mandate(answers[0].body["mandate_id"]),
        world.call(
            "read_mandates",
            "/customers/{customer_id}/mandates",
            path={"customer_id": CUSTOMER},
            caller=customer(),
        ),
    ]
    assert token not in json.dumps([[answer.headers, answer.body] for answer in answers])
    stored = everything_stored()
    assert token not in stored
    assert digest_of(token) in stored


def test_until_stripes_answer_is_recorded_a_retry_sends_the_same_token(world: World) -> None:
    world.put_customer()
    world.faults({"effect": "timeout_after_effect", "method": "POST", "path": "/v1/checkout/sessions"})
    assert world.post_checkout().status == 503
    slot = read_slot(CUSTOMER)
    assert slot
    assert slot.params
    world.faults()
    opened = world.post_checkout()
    assert (opened.status, opened.body["mandate_id"]) == (200, slot.mandate_id)
    token = world.return_token(opened.body["checkout_session_id"])
    assert token in slot.params["success_url"]
    assert world.come_back(opened.body["checkout_session_id"]).status == 200
    filled = read_slot(CUSTOMER)
    assert filled
    assert filled.params == {}


def test_a_replaced_checkout_has_its_own_token(world: World) -> None:
    first = world.begun()
    second = world.post_checkout(cancel_url=f"{ORIGIN}/elsewhere").body
    tokens = {world.return_token(one["checkout_session_id"]) for one in (first, second)}
    assert len(tokens) == 2
    assert world.come_back(first["checkout_session_id"]).body["status"] == "expired"
    assert shown(world, second) == {"customer": None, "another": None}


def test_the_service_adds_the_token_and_takes_no_other(world: World) -> None:
    world.put_customer()
    refused = world.post_checkout(success_url=f"{ORIGIN}/return?return_token=x")
    assert (refused.status, refused.body["code"]) == (422, "redirect_not_allowed")
    assert refused.body["field"] == "success_url"


def test_nobody_comes_back_to_a_mandate_that_was_erased(world: World) -> None:
    begun = world.begun()
    session_id = begun["checkout_session_id"]
    token = world.return_token(session_id)
    run()
    length = len(entries(begun))
    for caller in (CUSTOMER, STRANGER):
        assert world.come_back(session_id, customer(caller), token=token).status == 404
    assert len(entries(begun)) == length


def test_nor_while_it_is_being_erased(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = world.begun()
    monkeypatch.setattr("mandates.privacy.erasure.delete_personal", crash)
    with pytest.raises(InterruptedError):
        run()
    length = len(entries(begun))
    assert world.come_back(begun["checkout_session_id"]).body["returned"]["customer"] is None
    assert world.come_back(begun["checkout_session_id"], customer(STRANGER)).status == 404
    assert len(entries(begun)) == length


def crash(_mandate_id: str) -> int:
    raise InterruptedError

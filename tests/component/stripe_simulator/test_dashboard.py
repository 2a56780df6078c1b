"""The simulator's own pages: what they show and change, and whom they refuse."""

from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import msgspec
import pytest

from local.stripe_simulator import RunningSimulator
from local.stripe_simulator.dashboard import presets, views
from local.stripe_simulator.faults import FaultPlan
from local.stripe_simulator.payments import MAGIC_AMOUNTS
from tests.component.stripe_simulator.support import Receiver, Shop
from tests.component.stripe_simulator.test_trigger import paid

HOSTILE = "<script>alert('x')</script>"
READY = ("/", "/events", "/requests", "/plans", "/objects/customer")


@pytest.fixture
def pages(simulator: RunningSimulator) -> Iterator[httpx.Client]:
    """As a browser that shows one of the pages."""
    headers = {"Origin": simulator.url, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=simulator.url, trust_env=False, headers=headers) as http:
        yield http


class Forms(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.actions: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.actions.append(dict(attrs)["action"] or "")


def test_the_overview_names_what_there_is(pages: httpx.Client, shop: Shop) -> None:
    shop.customer()
    paid(shop)
    shown = pages.get("/").text
    assert "payment_intent.succeeded" in shown
    assert "/v1/payment_intents" in shown
    assert "Nothing goes wrong on purpose." in shown


def test_a_list_is_paged_newest_first(pages: httpx.Client, shop: Shop) -> None:
    made = [shop.customer().id for _ in range(3)]
    shown = pages.get("/objects/customer").text
    assert [shown.index(one) for one in reversed(made)] == sorted(shown.index(one) for one in made)
    numbers = [views.page_of(range(120), number) for number in (0, 1, 2, 3, 99)]
    assert [(page.number, len(page.rows), page.last) for page in numbers] == [
        (1, 50, 3),
        (1, 50, 3),
        (2, 50, 3),
        (3, 20, 3),
        (3, 20, 3),
    ]
    assert pages.get("/objects/customer?page=zwei").status_code == 200


def test_an_object_has_its_events_and_what_it_refers_to(pages: httpx.Client, shop: Shop) -> None:
    intent = paid(shop, metadata={"charge_id": "chg_1"})
    shown = pages.get(f"/objects/payment_intent/{intent.id}").text
    assert f'href="/objects/customer/{intent.customer}"' in shown
    assert "payment_intent.succeeded" in shown
    assert "chg_1" in shown
    assert Forms(shown).actions[:2] == [
        f"/objects/payment_intent/{intent.id}/refund",
        f"/objects/payment_intent/{intent.id}/dispute",
    ]


def test_something_happens_to_an_object_at_a_button(pages: httpx.Client, shop: Shop) -> None:
    session = shop.session()
    shown = pages.get(f"/objects/checkout.session/{session.id}").text
    authorize = f"/objects/checkout.session/{session.id}/authorize"
    assert authorize in Forms(shown).actions
    answer = pages.post(authorize)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/objects/checkout.session/{session.id}?said=done",
    )
    assert shop.intent(session.id).status == "succeeded"
    assert authorize not in Forms(pages.get(f"/objects/checkout.session/{session.id}").text).actions
    refused = pages.post(authorize)
    assert refused.status_code == 409
    assert "only an open one can be continued" in refused.text


def test_an_event_shows_its_deliveries_and_is_sent_again(
    pages: httpx.Client, shop: Shop, receiver: Receiver, control: httpx.Client
) -> None:
    shop.endpoint(receiver, "customer.created")
    shop.customer()
    control.post("/webhooks/flush")
    (event,) = shop.simulator.core.events()
    assert "1 attempt: 200" in pages.get("/events").text
    again = pages.post(f"/events/{event['id']}/resend")
    control.post("/webhooks/flush")
    shown = pages.get(again.headers["Location"]).text
    assert "The event is sent again." in shown
    assert shown.count("1 attempt: 200") == 2


def test_requests_have_their_key_status_and_duration(pages: httpx.Client, shop: Shop) -> None:
    shop.client.v1.customers.create({"email": "a@example.com"}, {"idempotency_key": "key-of-a-test"})
    with pytest.raises(Exception, match="No such customer"):
        shop.client.v1.customers.retrieve("cus_unknown")
    shown = pages.get("/requests").text
    assert "key-of-a-test" in shown
    assert "resource_missing" in shown
    assert shown.count(" ms") == 2


@pytest.mark.parametrize(
    ("kind", "words", "plan"),
    [(kind, words, plan) for kind, one in presets.KINDS.items() for words, plan in one.presets.items()],
)
def test_a_preset_is_set_shown_and_cleared(
    pages: httpx.Client, simulator: RunningSimulator, kind: str, words: str, plan: msgspec.Struct
) -> None:
    assert pages.post(f"/plans/{kind}", data={"preset": words}).headers["Location"] == "/plans?said=set"
    in_force = {
        "faults": simulator.core.fault_plan,
        "payments": simulator.core.payment_plan,
        "refunds": simulator.core.refund_plan,
    }[kind]
    assert in_force == plan
    assert words in pages.get("/").text
    assert msgspec.json.decode(presets.as_text(plan), type=type(plan)) == plan
    assert pages.post(f"/plans/{kind}", data={"plan": "{}"}).headers["Location"] == "/plans?said=cleared"
    assert "Nothing goes wrong on purpose." in pages.get("/").text


def test_a_plan_of_ones_own_is_written_as_json(pages: httpx.Client, simulator: RunningSimulator) -> None:
    pages.post("/plans/faults", data={"plan": '{"webhooks": {"delay": 3}}'})
    assert simulator.core.fault_plan == FaultPlan.parse({"webhooks": {"delay": 3}})
    assert "&#34;delay&#34;: 3.0" in pages.get("/").text
    refused = pages.post("/plans/faults", data={"plan": '{"webhooks": {"delay": -1}}'})
    assert refused.status_code == 400
    assert "$.webhooks.delay" in refused.text
    assert "&#34;delay&#34;: -1" in refused.text  # what was written stays
    assert simulator.core.fault_plan == FaultPlan.parse({"webhooks": {"delay": 3}})


def test_a_plans_text_is_without_what_is_usual() -> None:
    lines = presets.as_text(MAGIC_AMOUNTS).splitlines()
    assert lines[:3] == [
        "{",
        '  "payments": [',
        '    {"outcome": "declined", "amount": 1001},',
    ]


def test_the_clock_moves_on_by_a_step(pages: httpx.Client, shop: Shop) -> None:
    session = shop.session()
    assert pages.post("/clock", data={"seconds": "259200"}).headers["Location"] == "/?said=advanced"
    assert shop.client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert pages.post("/clock", data={"seconds": "1e9"}).status_code == 400


def test_what_others_wrote_is_only_text(pages: httpx.Client, shop: Shop) -> None:
    customer = shop.customer(name=HOSTILE, metadata={"note": HOSTILE})
    shop.client.v1.customers.create({}, {"idempotency_key": HOSTILE})
    addresses = [*READY, f"/objects/customer/{customer.id}", f"/objects/customer/{HOSTILE}"]
    for address in addresses:
        assert "<script" not in pages.get(address).text, address
    assert "&lt;script&gt;" in pages.get("/requests").text


@pytest.mark.parametrize("address", [*READY, "/nowhere", "/static/dashboard.css"])
def test_every_answer_forbids_scripts_and_frames(pages: httpx.Client, address: str) -> None:
    answer = pages.get(address)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.status_code == (404 if address == "/nowhere" else 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({}, 403),
        ({"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
    ],
)
def test_only_a_page_of_the_simulator_changes_something(
    simulator: RunningSimulator, headers: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{simulator.url}/clock", data={"seconds": "60"}, headers=headers, trust_env=False)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example:80"}, 403),
    ],
)
def test_no_other_sites_page_reaches_the_control_api(
    simulator: RunningSimulator, headers: dict[str, str], status: int
) -> None:
    """A browser sends a form, or plain text that is JSON, to any address without asking first."""
    answer = httpx.post(f"{simulator.control_url}/faults", headers=headers, trust_env=False)
    assert answer.status_code == status


@pytest.mark.parametrize("address", ["/", "/events", "/_control/events"])
def test_a_foreign_name_that_leads_here_reads_nothing(simulator: RunningSimulator, address: str) -> None:
    answer = httpx.get(simulator.url + address, headers={"Host": "rebound.example"}, trust_env=False)
    assert answer.status_code == 403
    assert httpx.get(simulator.url + address, trust_env=False).status_code == 200


@pytest.mark.parametrize("address", ["/objects/nonsense", "/objects/customer/cus_none", "/events/evt_none"])
def test_what_is_not_there_is_said(pages: httpx.Client, address: str) -> None:
    answer = pages.get(address)
    assert answer.status_code == 404
    assert "the simulator forgets everything when it stops" in answer.text

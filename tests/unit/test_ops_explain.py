"""`explain` has words for every fact."""

from dataclasses import replace
from typing import Any

from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import ChargeKind, EndReason, charge_fact
from mandates.core.charging.head import Charge
from mandates.core.facts import Kind
from mandates.core.funding import Funding
from ops.explain import MEANS, story
from ops.explain_charge import CHARGE_MEANS, CLASS_MEANS, END_MEANS, charge_story
from tests.unit.examples import NEW_MANDATE


def test_every_kind_of_fact_is_explained() -> None:
    assert MEANS.keys() == set(Kind)


def test_a_mandate_tells_its_card_once_it_is_known() -> None:
    told = list(story(NEW_MANDATE, {}, [], {}))
    shown = list(story(replace(NEW_MANDATE, funding=Funding("Visa", "4242")), {}, [], {}))
    assert [line for line in shown if line not in told] == [
        "  card    Visa ending in 4242, as of the newest charge that told one"
    ]


def test_a_charge_tells_its_notice() -> None:
    detail: dict[str, Any] = {"amount": "1000", "currency": "usd", "charge_by": "700000"}
    noticed = {**detail, "notice": "ntc_1", "notice_day": "2026-11-28"}
    shown = []
    for said in (detail, noticed):
        reserved = charge_fact(ChargeKind.RESERVED, 1_000, "api:create_charge", **said)
        charge = Charge(
            charge_id=f"chg_{'a' * 24}_{'b' * 16}",
            number=1,
            created_at="2026-11-28T12:00:00.000Z",
            personal={},
            digest=None,
            create_params={},
            facts={reserved.key: reserved},
        )
        shown.append(list(charge_story(charge, [], None)))
    assert [line for line in shown[1] if line not in shown[0]] == ["  notice  ntc_1, for 2026-11-28"]


def test_everything_about_a_charge_is_explained() -> None:
    assert CHARGE_MEANS.keys() == set(ChargeKind)
    assert CLASS_MEANS.keys() == set(ErrorClass)
    assert END_MEANS.keys() == set(EndReason)

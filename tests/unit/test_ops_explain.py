"""`explain` has words for every fact."""

from dataclasses import replace

from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import ChargeKind, EndReason
from mandates.core.facts import Kind
from mandates.core.funding import Funding
from ops.explain import MEANS, story
from ops.explain_charge import CHARGE_MEANS, CLASS_MEANS, END_MEANS
from tests.unit.examples import NEW_MANDATE


def test_every_kind_of_fact_is_explained() -> None:
    assert MEANS.keys() == set(Kind)


def test_a_mandate_tells_its_card_once_it_is_known() -> None:
    told = list(story(NEW_MANDATE, {}, [], {}))
    shown = list(story(replace(NEW_MANDATE, funding=Funding("Visa", "4242")), {}, [], {}))
    assert [line for line in shown if line not in told] == [
        "  card    Visa ending in 4242, as of the newest charge that told one"
    ]


def test_everything_about_a_charge_is_explained() -> None:
    assert CHARGE_MEANS.keys() == set(ChargeKind)
    assert CLASS_MEANS.keys() == set(ErrorClass)
    assert END_MEANS.keys() == set(EndReason)

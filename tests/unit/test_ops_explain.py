"""`explain` has words for every fact."""

from mandates.core.charging.error_classes import ErrorClass
from mandates.core.charging.facts import ChargeKind, EndReason
from mandates.core.facts import Kind
from ops.explain import MEANS
from ops.explain_charge import CHARGE_MEANS, CLASS_MEANS, END_MEANS


def test_every_kind_of_fact_is_explained() -> None:
    assert MEANS.keys() == set(Kind)


def test_everything_about_a_charge_is_explained() -> None:
    assert CHARGE_MEANS.keys() == set(ChargeKind)
    assert CLASS_MEANS.keys() == set(ErrorClass)
    assert END_MEANS.keys() == set(EndReason)

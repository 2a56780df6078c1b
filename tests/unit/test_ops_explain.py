"""`explain` has words for every fact."""

from mandates.core.facts import Kind
from ops.explain import MEANS


def test_every_kind_of_fact_is_explained() -> None:
    assert MEANS.keys() == set(Kind)

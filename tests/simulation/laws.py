"""The three laws that make order and repetition irrelevant, over all pairs and triples of facts."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from mandates.core.facts import Fact, Facts, FactsOf, ids

Merge = Callable[[Facts, Iterable[Fact]], Facts]


def broken_laws[K: str](
    merge: Callable[[FactsOf[K], Iterable[Fact[K]]], FactsOf[K]], facts: Sequence[Fact[K]]
) -> Counter[str]:
    """How often each law does not hold; empty if they hold for all pairs and triples."""
    broken: Counter[str] = Counter()
    alone = [merge({}, [fact]) for fact in facts]
    for one, a in zip(facts, alone, strict=True):
        broken["idempotent"] += merge(a, [one]) != a
    for (one, a), (other, b) in itertools.product(zip(facts, alone, strict=True), repeat=2):
        both = merge(a, [other])
        broken["commutative"] += both != merge(b, [one])
        broken["idempotent"] += (merge(both, [one]) != both) + (merge(both, both.values()) != both)
    for a, b, c in itertools.product(alone, repeat=3):
        broken["associative"] += merge(merge(a, b.values()), c.values()) != merge(
            a, merge(b, c.values()).values()
        )
    return +broken


def tellings[K: str](kind: K, qualifier: str = "") -> tuple[Fact[K], ...]:
    """One fact as three sources may tell it, in one second: they agree on nothing but its kind."""
    return (
        Fact(kind, 7, "evt_2", ids(setup_intent="seti_1", payment_method="pm_2"), {"code": "b"}, qualifier),
        Fact(kind, 7, "evt_1", ids(setup_intent="seti_1", payment_method="pm_1"), {"code": "c"}, qualifier),
        Fact(kind, 7, "evt_2", ids(setup_intent="seti_2"), {"code": "a"}, qualifier),
    )

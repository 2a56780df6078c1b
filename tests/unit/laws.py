"""How the laws are tried: the same examples on every run, and no more than a second's worth."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from mandates.core.facts import Fact, Kind

law = settings(derandomize=True, deadline=None, database=None, max_examples=40)

names = st.sampled_from(["checkout_session", "setup_intent", "payment_method", "stripe_mandate"])
id_sets = st.frozensets(st.sampled_from(["x_1", "x_2", "x_3"]), min_size=1, max_size=2)

facts = st.builds(
    Fact,
    kind=st.sampled_from(Kind),
    at=st.integers(0, 3),
    source=st.sampled_from(["evt_1", "evt_2", "api:revoke_mandate"]),
    ids=st.dictionaries(names, id_sets, max_size=3),
    detail=st.dictionaries(st.sampled_from(["code", "by"]), st.sampled_from(["a", "b"]), max_size=2),
    qualifier=st.sampled_from(["", "setatt_1", "setatt_2"]),
)

fact_lists = st.lists(facts, max_size=8)
short_lists = st.lists(facts, max_size=3)


def json_values(keys: st.SearchStrategy[str], *, max_leaves: int) -> st.SearchStrategy[Any]:
    """Any JSON value; objects have the given keys."""
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=max_leaves,
    )

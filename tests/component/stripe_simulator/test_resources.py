"""The declarations of the resources fit together."""

import pytest

from local.stripe_simulator.resource import ANY_KIND
from local.stripe_simulator.resources import ACTIONS, REFERENCES, RESOURCES, united
from tests.component.stripe_simulator.sdk_types import CLASSES


def test_two_resources_cannot_claim_the_same() -> None:
    assert united([{"customer": "customer"}, {"mandate": "mandate"}]).keys() == {"customer", "mandate"}
    with pytest.raises(ValueError, match=r"claimed by two resources: \['customer'\]"):
        united([{"customer": "customer"}, {"mandate": "mandate", "customer": "account"}])


def test_every_kind_of_object_has_one_table_of_states_at_most() -> None:
    kinds = [lifecycle.kind for resource in RESOURCES for lifecycle in resource.lifecycles]
    assert len(kinds) == len(set(kinds))


def test_references_are_to_kinds_of_objects_that_are_checked() -> None:
    assert set(REFERENCES.values()) - {ANY_KIND} <= CLASSES.keys()


def test_an_action_names_the_object_it_happens_to() -> None:
    assert ACTIONS
    assert all(path.count("{id}") == 1 for path in ACTIONS)

"""What a file in ``resources`` says about its resource: all that the rest of the simulator knows of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from .account import Account
from .lifecycle import Lifecycle
from .objects import Json
from .routing import Operation


class Action(Struct, forbid_unknown_fields=True):
    """Something that happens to an object without an API request: the buyer, Amazon or the Dashboard does it.

    Its members are the JSON body of its control request (``control``).
    """

    def perform(self, account: Account, identifier: str) -> Json:
        """Do it to the object with this id. Returns the answer to the control request.

        Raises ``StripeError``: 404 for an unknown id, ``NotPossible`` for what the present state forbids.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Resource:
    """One of Stripe's resources.

    ``operations``: its endpoints in the API.
    ``lifecycles``: the states of its objects, for each kind that has any.
    ``references``: the attributes that refer to its objects, on whatever object, each with the kind of object
    that ``expand`` puts in its place.
    ``containers``: the attributes of its objects that are hashes in which references can be expanded.
    ``actions``: what can happen to its objects outside the API, by path under ``/_control``.
    """

    operations: tuple[Operation, ...]
    lifecycles: tuple[Lifecycle, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    containers: frozenset[str] = frozenset()
    actions: Mapping[str, type[Action]] = field(default_factory=dict)

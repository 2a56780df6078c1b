"""What each file in ``resources`` declares. The rest of the simulator knows a resource only by this."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from .account import Account
from .lifecycle import Lifecycle
from .objects import Json
from .routing import Operation

ANY_KIND = "*"
"""In ``Resource.references``: the attribute may refer to an object of any kind."""


class Action(Struct, forbid_unknown_fields=True):
    """Something that the buyer, Amazon or the Dashboard does to an object, without an API request.

    The members are the JSON body of the control request (``control``).
    """

    def perform(self, account: Account, identifier: str) -> Json:
        """Do it to the object with this id. Returns the answer to the control request.

        Raises ``StripeError``: 404 for an unknown id, ``NotPossible`` (409) if the object's state forbids it.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Resource:
    """One of Stripe's resources.

    - ``operations``: its endpoints in the API
    - ``lifecycles``: the states of its objects, one table for each kind that has states
    - ``references``: attributes of any object that refer to its objects, with the kind of object that
      ``expand`` puts in their place, or ``ANY_KIND``
    - ``containers``: hashes in its objects that contain references
    - ``actions``: what can happen to its objects outside the API, by path under ``/_control``
    """

    operations: tuple[Operation, ...]
    lifecycles: tuple[Lifecycle, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    containers: frozenset[str] = frozenset()
    actions: Mapping[str, type[Action]] = field(default_factory=dict)

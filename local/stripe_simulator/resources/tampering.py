"""What no API does: objects that are not as they were, for tests of an audit."""

from msgspec import field

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import NotPossible
from local.stripe_simulator.objects import Json
from local.stripe_simulator.resource import Action, Resource


class Change(Action):
    """Members of any object get other values, whatever its states allow. Nothing announces it."""

    changes: Json = field(default_factory=dict)

    def perform(self, account: Account, identifier: str) -> Json:
        thing = account.find_any(identifier)
        if unknown := self.changes.keys() - thing.keys():
            raise NotPossible(f"This {thing['object']} has no {', '.join(sorted(unknown))}.")
        account.change(thing, self.changes)
        return dict(thing)


class Erase(Action):
    """Any object is gone, as if it had never been. What refers to it keeps the id."""

    def perform(self, account: Account, identifier: str) -> Json:
        account.remove(account.find_any(identifier))
        return {}


RESOURCE = Resource(operations=(), actions={"/objects/{id}/change": Change, "/objects/{id}/erase": Erase})

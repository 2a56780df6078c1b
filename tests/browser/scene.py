"""The people and things that pages are about, made over the API, once for all that look at them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from local.journey import Business
from tests.browser import people
from tests.browser.people import Json, Person
from tests.live.stack import LiveStack

REFUNDED = 600
"""Of the second charge, in cents."""


@dataclass(frozen=True)
class Scene:
    """`newcomer` has saved nothing, and is `undecided` at Stripe's page. `saved` has payments."""

    live: LiveStack
    business: Business
    newcomer: Person
    saved: Person
    _guests: list[Person]

    @cached_property
    def undecided(self) -> Json:
        """An open checkout session."""
        return people.begin(self.live, self.newcomer)

    @cached_property
    def mandate_id(self) -> str:
        mandate_id = people.save_account(self.live, self.saved)
        people.charge(self.business, mandate_id)
        charged = people.charge(self.business, mandate_id, 4800)
        people.refund(self.business, charged["charge_id"], REFUNDED)
        return mandate_id

    @cached_property
    def charge_id(self) -> str:
        """The newest, which is refunded in part."""
        path = f"/mandates/{self.mandate_id}/charges"
        listed = self.live.call("GET", path, self.live.described["tokens"]["service"])["charges"]
        return str(listed[0]["charge_id"])

    def session(self, *deeds: str) -> Json:
        """A checkout session of a new customer to which that happened, one after the other: authorize, ..."""
        person = people.sign_up(self.live)
        self._guests.append(person)
        session = people.begin(self.live, person)
        for deed in deeds:
            self.live.control(f"sessions/{session['checkout_session_id']}/{deed}")
        return {**session, "customer": person}

    def close(self) -> None:
        for caller in (self.business, *(person.api for person in self._guests)):
            caller.close()


@contextmanager
def scene_on(live: LiveStack) -> Iterator[Scene]:
    business = Business(live.described["api_url"], live.described["tokens"]["service"])
    newcomer, saved = people.sign_up(live), people.sign_up(live)
    scene = Scene(live, business, newcomer, saved, [newcomer, saved])
    try:
        yield scene
    finally:
        scene.close()

"""What a mandate may have lived through, told through the code that tells it, in a world's tables."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mandates.core.facts import Fact, Kind
from mandates.core.return_tokens import By, returned
from mandates.core.stripe_events.projection import METADATA_MANDATE, METADATA_OWNER_MARK, project
from mandates.core.subjects import payment_method_subject, stripe_customer_subject
from mandates.ledger.contributing import contribute_ours
from mandates.privacy.erasure import erase
from mandates.privacy.holdings import holdings
from mandates.revocation.revoking import revoke
from mandates.store.mandates import add_subject_facts
from mandates.webhooks.applying import apply_events
from tests.component.world import CUSTOMER
from tests.simulation.reality import OWNER_MARK
from tests.simulation.world import World
from tests.unit.examples import checkout_session, event, payment_method, setup_intent, stripe_customer

Act = Callable[[], Any]
METHOD = "pm_example"


class Life:
    """One mandate in a world of its own, with an open session."""

    def __init__(self) -> None:
        self.world = World(5)
        with self.world.entered():
            self.world.finish(self.world.put_customer())
            self.world.finish(self.world.post_checkout())
        self.mandate_id = self.world.handed[-1].mandate_id
        self.tables = self.world.aws.dynamodb.tables

    @property
    def stripe_customer_id(self) -> str:
        return str(self.tables["mandates"].items[self.mandate_id, "head"]["stripe_customer_id"]["S"])

    def kept(self) -> dict[str, dict[tuple[str, ...], Any]]:
        return {name: dict(table.items) for name, table in self.tables.items()}

    def restore(self, kept: Mapping[str, Mapping[tuple[str, ...], Any]]) -> None:
        for name, items in kept.items():
            self.tables[name].items.clear()
            self.tables[name].items.update(items)

    # ------------------------------------------------------------------------------- what can happen

    def told(self, kind: str, subject: Mapping[str, Any], event_id: str) -> Act:
        """Stripe's event is applied."""
        told = project(event(kind, subject, id=event_id))
        return partial(apply_events, [told], owner_mark=OWNER_MARK, livemode=False, clock=self.world.clock)

    @property
    def ours(self) -> dict[str, Any]:
        """What an object at Stripe has that is this mandate's."""
        metadata = {METADATA_MANDATE: self.mandate_id, METADATA_OWNER_MARK: OWNER_MARK}
        return {"customer": self.stripe_customer_id, "metadata": metadata}

    @property
    def session(self) -> Mapping[str, Any]:
        (session,) = self.world.objects("checkout.session")
        return session

    @property
    def set_up(self) -> Act:
        intent = setup_intent(id=self.session["setup_intent"], payment_method=METHOD, **self.ours)
        return self.told("setup_intent.succeeded", intent, "evt_succeeded")

    @property
    def came_back(self) -> Act:
        def fact(now: int) -> Fact:
            return returned(By.CUSTOMER, now, "api:record_return")

        return partial(contribute_ours, self.mandate_id, "api:record_return", fact, self.world.clock)

    @property
    def completed(self) -> Act:
        named = {name: self.session[name] for name in ("id", "setup_intent")}
        return self.told(
            "checkout.session.completed", checkout_session(**named, **self.ours), "evt_completed"
        )

    @property
    def expired(self) -> Act:
        gone = checkout_session(id=self.session["id"], status="expired", setup_intent=None, **self.ours)
        return self.told("checkout.session.expired", gone, "evt_expired")

    @property
    def detached(self) -> Act:
        return self.told("payment_method.detached", payment_method(id=METHOD), "evt_detached")

    @property
    def customer_deleted(self) -> Act:
        return self.told("customer.deleted", stripe_customer(id=self.stripe_customer_id), "evt_deleted")

    @property
    def revoked(self) -> Act:
        return partial(revoke, self.mandate_id, by="customer", reason="asked", clock=self.world.clock)

    @property
    def detached_and_not_told(self) -> Act:
        """As when the worker ends between the write to the subject and the first ledger."""
        fact = Fact(Kind.DETACHED, 1_795_500_100, "evt_detached")
        return partial(add_subject_facts, payment_method_subject(METHOD), [fact])

    @property
    def erased(self) -> Act:
        def run() -> None:
            erase(
                holdings(CUSTOMER),
                override="test",
                clock=self.world.clock,
                random_bytes=self.world.random.randbytes,
                say=lambda _: None,
            )

        return run

    def live(self, *acts: str) -> None:
        with self.world.entered():
            for name in acts:
                getattr(self, name)()

    @property
    def stands_on(self) -> set[str]:
        return {payment_method_subject(METHOD), stripe_customer_subject(self.stripe_customer_id)}

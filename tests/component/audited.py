"""Charges that differ from Stripe's books in all ways that the audit acts on, and its run days later."""

from types import SimpleNamespace

from tests.component.advancing import DAY, Till
from tests.component.world import Context, World, customer

AUDITED = "auth0|audited"


def audit_of_what_differs(world: World) -> None:
    """One was refunded and one changed, one intent was made twice, and one waits although Stripe took the
    money. Nobody told us."""
    opened = world.begun(AUDITED)
    world.stripe.core.authorize(opened["checkout_session_id"])
    world.run_webhooks()
    mandate = world.get_mandate(opened["mandate_id"], customer(AUDITED)).body
    till = Till(world, mandate["mandate_id"], mandate["payment_method_id"])
    core = world.stripe.core
    refunded, changed, orphaned = (_intent(till) for _ in range(3))
    till.script({"outcome": "declined", "advice_code": "try_again_later"})
    waiting = _intent(till)
    till.script()
    core.refund(refunded)
    core.change(changed, amount_received=1)
    core.double(orphaned, succeeded=False)
    core.change(waiting, status="succeeded", amount_received=1_000)
    core.advance(1.5 * DAY)
    later = core.clock()
    world.function("audit_charges").time = SimpleNamespace(time=lambda: later)
    world.invoke("audit_charges", {}, Context(remaining_seconds=900))


def _intent(till: Till) -> str:
    return str(till.advance(till.reserve()).payment_intent_id)

"""https://docs.stripe.com/api/setup_intents: attempts, one after another, to get a payment method ready
for later.

Here they come only from Checkout: its page drives them, and expiring the session cancels them.
"""

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import DOCUMENTATION
from local.stripe_simulator.lifecycle import SILENT, Lifecycle
from local.stripe_simulator.objects import Json
from local.stripe_simulator.paging import matching, paginated
from local.stripe_simulator.resource import Resource
from local.stripe_simulator.routing import Call, Operation

SETUP_INTENT = Lifecycle(
    "setup_intent",
    {
        "requires_payment_method": {
            "requires_action": "setup_intent.requires_action",
            "canceled": "setup_intent.canceled",
        },
        "requires_action": {
            # The buyer came back and chose again, which is a new attempt.
            "requires_action": "setup_intent.requires_action",
            "requires_payment_method": "setup_intent.setup_failed",
            "succeeded": "setup_intent.succeeded",
            "canceled": "setup_intent.canceled",
        },
        "succeeded": {},
        "canceled": {},
    },
    created="setup_intent.created",
)
SETUP_ATTEMPT = Lifecycle(
    "setup_attempt",
    {
        "requires_action": {"succeeded": SILENT, "failed": SILENT, "abandoned": SILENT},
        "succeeded": {},
        "failed": {},
        "abandoned": {},
    },
)


def add(account: Account, session: Json, data: Json) -> Json:
    """The SetupIntent of a session in setup mode; ``data`` is the session's ``setup_intent_data``."""
    intent: Json = {
        "id": account.new_id("seti"),
        "object": "setup_intent",
        "allowed_payment_method_types": session["allowed_payment_method_types"],
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": None,
        "created": account.now(),
        "customer": session["customer"],
        "customer_account": None,
        "description": data.get("description"),
        "excluded_payment_method_types": session["excluded_payment_method_types"],
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": data.get("metadata") or {},
        "next_action": None,
        "on_behalf_of": data.get("on_behalf_of"),
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": session["payment_method_types"],
        "single_use_mandate": None,
        "usage": "off_session",
    }
    intent["client_secret"] = f"{intent['id']}_{account.new_id('secret')}"
    return SETUP_INTENT.start(account, intent)


def require_action(account: Account, intent: Json, method: Json, redirect_url: str, return_url: str) -> None:
    """The buyer chose how to pay and is sent away to confirm it."""
    attempt = _add_attempt(account, intent, method)
    changes = {
        "last_setup_error": None,
        "latest_attempt": attempt["id"],
        "next_action": {
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": return_url, "url": redirect_url},
        },
        "payment_method": method["id"],
    }
    SETUP_INTENT.move(account, intent, "requires_action", changes)


def succeed(account: Account, intent: Json, mandate: Json | None) -> None:
    """Ready for later. Stripe does not say whether Amazon Pay through Checkout always yields a mandate."""
    SETUP_ATTEMPT.move(account, _latest_attempt(account, intent), "succeeded")
    changes = {"next_action": None, "mandate": mandate and mandate["id"]}
    SETUP_INTENT.move(account, intent, "succeeded", changes)


def fail(account: Account, intent: Json, method: Json, code: str, message: str) -> None:
    """The attempt failed. The intent asks for a payment method again and the buyer may try again."""
    error: Json = {
        "code": code,
        "doc_url": DOCUMENTATION + code.replace("_", "-"),
        "message": message,
        "payment_method": method,
        "type": "invalid_request_error",
    }
    SETUP_ATTEMPT.move(account, _latest_attempt(account, intent), "failed", {"setup_error": error})
    changes = {"last_setup_error": error, "next_action": None, "payment_method": None}
    SETUP_INTENT.move(account, intent, "requires_payment_method", changes)


def cancel(account: Account, intent: Json) -> None:
    if intent["latest_attempt"]:
        attempt = _latest_attempt(account, intent)
        if SETUP_ATTEMPT.allows(account, attempt, "abandoned"):
            SETUP_ATTEMPT.move(account, attempt, "abandoned")
    SETUP_INTENT.move(account, intent, "canceled", {"cancellation_reason": "abandoned", "next_action": None})


def retrieve(account: Account, call: Call) -> Json:
    return account.find("setup_intent", call.id)


def list_all(account: Account, call: Call) -> Json:
    return paginated(matching(account.all("setup_intent"), call.params), call.params, "/v1/setup_intents")


def _add_attempt(account: Account, intent: Json, method: Json) -> Json:
    return SETUP_ATTEMPT.start(
        account,
        {
            "id": account.new_id("setatt"),
            "object": "setup_attempt",
            "application": None,
            "created": account.now(),
            "customer": intent["customer"],
            "customer_account": None,
            "flow_directions": None,
            "livemode": False,
            "on_behalf_of": intent["on_behalf_of"],
            "payment_method": method["id"],
            "payment_method_details": {method["type"]: {}, "type": method["type"]},
            "setup_error": None,
            "setup_intent": intent["id"],
            "usage": intent["usage"],
        },
    )


def _latest_attempt(account: Account, intent: Json) -> Json:
    return account.find("setup_attempt", intent["latest_attempt"])


RESOURCE = Resource(
    operations=(
        Operation("GET", "/v1/setup_intents", "SetupIntentListParams", list_all),
        Operation("GET", "/v1/setup_intents/:id", "SetupIntentRetrieveParams", retrieve),
    ),
    lifecycles=(SETUP_INTENT, SETUP_ATTEMPT),
    references={"latest_attempt": "setup_attempt", "setup_intent": "setup_intent"},
    containers=frozenset({"last_setup_error"}),
)

"""https://docs.stripe.com/api/customers"""

import re

from local.stripe_simulator.account import Account
from local.stripe_simulator.errors import invalid, not_simulated, resource_missing
from local.stripe_simulator.lifecycle import Lifecycle
from local.stripe_simulator.objects import Json, merged_metadata
from local.stripe_simulator.paging import matching, page_size, paginated
from local.stripe_simulator.resource import Action, Resource
from local.stripe_simulator.routing import Call, Operation

from . import payment_methods

EMAIL_LENGTH = 512

CUSTOMER = Lifecycle(
    "customer",
    {"existing": {"deleted": "customer.deleted"}, "deleted": {}},
    created="customer.created",
    shown=False,
)

_CLAUSE = re.compile(
    r"""(?P<field>email|name|phone|metadata\[(?P<quote>["'])(?P<key>.+?)(?P=quote)\])"""
    r""":(?P<mark>["'])(?P<value>(?:\\.|(?!(?P=mark)).)*)(?P=mark)\s*"""
)
_AND = re.compile(r"AND\s+")


def create(account: Account, call: Call) -> Json:
    _check_email(call.params)
    return add(account, call.params)


def add(account: Account, params: Json) -> Json:
    """A new customer. Only its id is unique: Stripe keeps any number of customers with the same e-mail."""
    customer: Json = {
        "id": account.new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "business_name": None,
        "created": account.now(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "individual_name": None,
        "invoice_prefix": account.new_id("")[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    customer.update(_changes(account, customer, params))
    return CUSTOMER.start(account, customer)


def retrieve(account: Account, call: Call) -> Json:
    customer = account.find("customer", call.id, even_deleted=True)
    return _stub(customer) if customer.get("deleted") else customer


def update(account: Account, call: Call) -> Json:
    _check_email(call.params)
    customer = account.find("customer", call.id)
    account.update(customer, _changes(account, customer, call.params), "customer.updated")
    return customer


def delete(account: Account, call: Call) -> Json:
    """Permanent. Stripe keeps answering for the id with a stub, and announces ``customer.deleted`` alone.

    The customer's payment methods can't be used any more, but no ``payment_method.detached`` says so. In the
    field there were even further events about them (github.com/mozilla/fxa/issues/12380).
    """
    customer = account.find("customer", call.id)
    CUSTOMER.move(account, customer, "deleted")
    customer["deleted"] = True  # only now: the event shows the customer as it was
    for method in payment_methods.attached_to(account, customer["id"]):
        payment_methods.detach_from_customer(account, method, announce=False)
    return _stub(customer)


def list_all(account: Account, call: Call) -> Json:
    return paginated(matching(_living(account), call.params), call.params, "/v1/customers")


def search(account: Account, call: Call) -> Json:
    """https://docs.stripe.com/search, for equality only: clauses joined by AND or by a space.

    New customers show up after the fault plan's ``search_lag``. Stripe's index trails by up to a minute, so
    search can't replace remembering the id.
    """
    wanted = _parse_query(call.params["query"])
    indexed = account.clock() - account.plan.search_lag
    found = [
        customer
        for customer in reversed(_living(account))
        if customer["created"] <= indexed and all(_value(customer, *name) == value for name, value in wanted)
    ]
    start, size = _offset(call.params.get("page")), page_size(call.params)
    has_more = len(found) > start + size
    return {
        "object": "search_result",
        "url": "/v1/customers/search",
        "has_more": has_more,
        "next_page": str(start + size) if has_more else None,
        "data": found[start : start + size],
    }


def list_payment_methods(account: Account, call: Call) -> Json:
    customer = account.find("customer", call.id)
    methods = payment_methods.attached_to(account, customer["id"], call.params.get("type"))
    return paginated(methods, call.params, f"/v1/customers/{customer['id']}/payment_methods")


def retrieve_payment_method(account: Account, call: Call) -> Json:
    customer, method = account.find("customer", call.id), account.find("payment_method", call.ids[1])
    if method["customer"] != customer["id"]:
        raise resource_missing("payment_method", method["id"])
    return method


def _living(account: Account) -> list[Json]:
    return [customer for customer in account.all("customer") if not customer.get("deleted")]


def _stub(customer: Json) -> Json:
    return {"id": customer["id"], "object": "customer", "deleted": True}


def _changes(account: Account, customer: Json, params: Json) -> Json:
    for param in params.keys() - customer.keys() - {"expand"}:
        raise not_simulated(param)
    changes = {key: value if value != "" else None for key, value in params.items() if key != "expand"}
    if "metadata" in params:
        changes["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    if "invoice_settings" in params:
        _check_default(account, customer, params["invoice_settings"].get("default_payment_method"))
        changes["invoice_settings"] = customer["invoice_settings"] | params["invoice_settings"]
    return changes


def _check_default(account: Account, customer: Json, method: str | None) -> None:
    param = "invoice_settings[default_payment_method]"
    if method and account.find("payment_method", method, param)["customer"] != customer["id"]:
        raise invalid("The customer does not have a payment method with the ID " + method + ".", param)


def _check_email(params: Json) -> None:
    if len(params.get("email", "")) > EMAIL_LENGTH:
        raise invalid(f"Email must be at most {EMAIL_LENGTH} characters long.", "email")


def _parse_query(query: str) -> list[tuple[tuple[str, str | None], str]]:
    clauses, at = [], 0
    while at < len(query):
        match = _CLAUSE.match(query, at)
        if match is None:
            raise invalid(f"We were unable to parse your search query at position {at}: {query}", "query")
        name = ("metadata", match["key"]) if match["key"] else (match["field"], None)
        clauses.append((name, re.sub(r"\\(.)", r"\1", match["value"])))
        at = match.end()
        joint = _AND.match(query, at)
        at = joint.end() if joint else at
    if not clauses:
        raise invalid("The search query is empty.", "query")
    return clauses


def _value(customer: Json, name: str, key: str | None) -> object:
    return customer[name] if key is None else customer["metadata"].get(key)


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise invalid("Invalid page token.", "page")
    return int(token)


class Delete(Action):
    """Somebody deletes it in the Dashboard."""

    def perform(self, account: Account, identifier: str) -> Json:
        delete(account, Call({}, (identifier,)))
        return {"customer": identifier}


RESOURCE = Resource(
    operations=(
        Operation("POST", "/v1/customers", "CustomerCreateParams", create),
        Operation("GET", "/v1/customers", "CustomerListParams", list_all),
        Operation("GET", "/v1/customers/search", "CustomerSearchParams", search),
        Operation("GET", "/v1/customers/:id", "CustomerRetrieveParams", retrieve),
        Operation("POST", "/v1/customers/:id", "CustomerUpdateParams", update),
        Operation("DELETE", "/v1/customers/:id", "CustomerDeleteParams", delete),
        Operation(
            "GET",
            "/v1/customers/:id/payment_methods",
            "CustomerPaymentMethodListParams",
            list_payment_methods,
        ),
        Operation(
            "GET",
            "/v1/customers/:id/payment_methods/:id",
            "CustomerPaymentMethodRetrieveParams",
            retrieve_payment_method,
        ),
    ),
    lifecycles=(CUSTOMER,),
    references={"customer": "customer"},
    containers=frozenset({"invoice_settings"}),
    actions={"/customers/{id}/delete": Delete},
)

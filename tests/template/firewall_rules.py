"""What must hold for the firewall, each as a function from the stack to the list of what is wrong."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from urllib.parse import unquote

from mandates.api import cursors, requests
from mandates.core import ids
from tests.template.rules import WEBHOOKS, routes, routes_that_call_stripe, throttles
from tests.template.stack import Json, Stack, name_of


def the_firewall_lets_webhooks_pass_and_keeps_no_request(stack: Stack) -> list[str]:
    """Every rule but their own leaves the webhook's path out; no sample or log of a request, whose headers
    hold tokens."""
    ((_, firewall),) = stack.of("AWS::WAFv2::WebACL")
    problems = []
    for rule in firewall["Rules"]:
        if _is_of_webhooks(rule, stack):
            continue
        of_webhooks, of_others = _held_against(rule, [WEBHOOKS]), _held_against(rule, _all_others(stack))
        if of_webhooks:
            problems.append(f"{rule['Name']} is held against Stripe's webhooks")
        if not _is_per_token(rule) and of_others != _all_others(stack):
            problems.append(f"{rule['Name']} lets others pass than Stripe's webhooks")
        if "OverrideAction" in rule and rule["OverrideAction"] != {"None": {}}:
            problems.append(f"{rule['Name']} only counts")
    problems += [
        f"{part.get('Name', 'the firewall')} keeps samples of requests"
        for part in [firewall, *firewall["Rules"]]
        if part["VisibilityConfig"]["SampledRequestsEnabled"] is not False
    ]
    statements = [(kind, said) for rule in firewall["Rules"] for kind, said in rule["Statement"].items()]
    if sum(said.get("AggregateKeyType") == "IP" for _, said in statements) < 2:
        problems.append("no rule counts addresses")
    if not any(kind == "ManagedRuleGroupStatement" for kind, _ in statements):
        problems.append("there is no rule of AWS's own")
    if dict(stack.of("AWS::WAFv2::LoggingConfiguration")):
        problems.append("the firewall logs requests")
    return problems


def the_firewall_counts_who_sends_webhooks(stack: Stack) -> list[str]:
    """A flood from one address leaves the others their part, and Stripe's addresses have enough."""
    ((_, firewall),) = stack.of("AWS::WAFv2::WebACL")
    of_webhooks = [rule for rule in firewall["Rules"] if _is_of_webhooks(rule, stack)]
    if len(of_webhooks) != 1:
        return ["no rule counts webhooks by address"]
    (rule,) = of_webhooks
    statement = rule["Statement"]["RateBasedStatement"]
    problems = []
    if statement["AggregateKeyType"] != "IP":
        problems.append("webhooks of all addresses are counted as one")
    if rule.get("Action") != {"Block": {}}:
        problems.append("webhooks are counted and none is refused")
    if any(
        _in_scope(rule, *request.split(" ")) for route in _all_others(stack) for request in _requests(route)
    ):
        problems.append("another route is counted with the webhooks")
    limit = stack.template["Parameters"][statement["Limit"]["Ref"]]["Default"]
    of_all = throttles(stack)[WEBHOOKS]["ThrottlingRateLimit"]
    share = limit / statement["EvaluationWindowSec"] / of_all
    if not STRIPES_SHARE <= share < 1:
        problems.append(f"one address may send {share:.0%} of what the stage takes of all")
    return problems


STRIPES_SHARE = 1 / 6
"""Of all that the stage takes, what one address may send at least. Stripe delivers from a dozen, and nowhere
says how evenly: https://docs.stripe.com/ips"""


def _is_of_webhooks(rule: Json, stack: Stack) -> bool:
    """Whether it counts all webhooks and no other route as a whole."""
    held_against = _held_against(rule, [WEBHOOKS, *_all_others(stack)])
    return "RateBasedStatement" in rule["Statement"] and held_against == [WEBHOOKS]


def the_firewall_counts_each_token_where_stripe_is_called(stack: Stack) -> list[str]:
    """Stripe's throttle is shared, so nobody may take all of it; and no other route is counted so."""
    ((_, firewall),) = stack.of("AWS::WAFv2::WebACL")
    per_token = [rule for rule in firewall["Rules"] if _is_per_token(rule)]
    if len(per_token) != 1:
        return ["no rule counts tokens"]
    (rule,) = per_token
    statement = rule["Statement"]["RateBasedStatement"]
    (header,) = (key.get("Header", {}) for key in statement["CustomKeys"])
    problems = []
    if header.get("Name", "").lower() != "authorization":
        problems.append(f"{header.get('Name')} is not where a token is")
    spellings = ["Bearer A.b.C", "bearer A.b.C", "BEARER    A.b.C"]  # all of which the authorizer takes
    if len({_transformed(one, header.get("TextTransformations", [])) for one in spellings}) != 1:
        problems.append("another spelling of the same token is counted as another token")
    if rule.get("Action") != {"Block": {}}:
        problems.append("tokens are counted and nothing is refused")
    wanted = [*(set(routes_that_call_stripe(stack)) - ONLY_THE_BACK_END), COUNTED_TOO]
    if sorted(_held_against(rule, _all_others(stack))) != sorted(wanted):
        problems.append(f"it does not count just {', '.join(wanted)}")
    if any(not _in_scope(rule, *one.split(" ")) for one in ESCAPED):
        problems.append("an escape in the path leads past it")
    return problems


COUNTED_TOO = "POST /checkout-sessions/{checkout_session_id}/return"
"""It begins as those do that call Stripe, and a customer posts it once for each checkout."""

ONLY_THE_BACK_END = {
    "POST /mandates/{mandate_id}/charges",
    "POST /charges/{charge_id}/cancel",
    "POST /charges/{charge_id}/refunds",
}
"""It has one token for all customers, and no customer's token gets further than the refusal. The gateway's
throttle protects Stripe."""

ESCAPED = ["POST /v1/checkout%2Dsessions", "GET /v1/%63heckout-sessions/cs_1", "PUT /v1/%63ustomers/1"]


def _is_per_token(rule: Json) -> bool:
    return bool(rule["Statement"].get("RateBasedStatement", {}).get("AggregateKeyType") == "CUSTOM_KEYS")


def _all_others(stack: Stack) -> list[str]:
    return [route.name for route in routes(stack) if route.name != WEBHOOKS]


def _held_against(rule: Json, some: list[str]) -> list[str]:
    """Those of the routes of which every request is in the rule's scope, whatever id it is about."""
    return [route for route in some if all(_in_scope(rule, *one.split(" ")) for one in _requests(route))]


def _requests(route: str) -> Iterator[str]:
    """At AWS's address and at a domain of one's own, where the path has another beginning."""
    method, path = route.split(" ")
    for beginning in ("/v1", "/pay", ""):
        for value in ("a1", "%2Fwebhooks%2Fstripe"):
            yield f"{method} {beginning}{re.sub(r'{[^}]+}', value, path)}"


def _in_scope(rule: Json, method: str, path: str) -> bool:
    (statement,) = rule["Statement"].values()
    scope = statement.get("ScopeDownStatement")
    return scope is None or _fits(scope, method, path)


def _fits(statement: Json, method: str, path: str) -> bool:
    """https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html"""
    ((kind, said),) = statement.items()
    match kind:
        case "NotStatement":
            return not _fits(said["Statement"], method, path)
        case "OrStatement":
            return any(_fits(one, method, path) for one in said["Statements"])
        case "ByteMatchStatement":
            ((field, _),) = said["FieldToMatch"].items()
            text = _transformed({"Method": method, "UriPath": path}[field], said["TextTransformations"])
            wanted = said["SearchString"]
            match said["PositionalConstraint"]:
                case "EXACTLY":
                    return bool(text == wanted)
                case "CONTAINS":
                    return wanted in text
                case "ENDS_WITH":
                    return text.endswith(wanted)
    raise AssertionError(f"{kind} is not understood here")


def _transformed(text: str, transformations: list[Json]) -> str:
    """https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-transformation.html"""
    for one in sorted(transformations, key=lambda each: each["Priority"]):
        match one["Type"]:
            case "LOWERCASE":
                text = text.lower()
            case "COMPRESS_WHITE_SPACE":
                text = re.sub(r"\s+", " ", text)
            case "URL_DECODE":
                text = unquote(text)
    return text


LONGEST_ESCAPED = 12
"""Bytes in a path for one character: four in UTF-8, each a percent sign and two digits."""

REFUSED_ABOVE = {
    "SizeRestrictions_BODY": 8_192,
    "SizeRestrictions_URIPATH": 1_024,
    "SizeRestrictions_QUERYSTRING": 2_048,
}
"""Bytes. https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html"""

TAKEN = {
    "SizeRestrictions_BODY": requests.MAX_BODY_BYTES,
    "SizeRestrictions_URIPATH": ids.MAX_ID_LENGTH * LONGEST_ESCAPED,
    "SizeRestrictions_QUERYSTRING": cursors.MAX_LENGTH * 3,
}
"""What our own routes take, and openapi.yaml says so. Of the parts of a path or query the longest."""


def the_firewall_takes_what_our_routes_take(stack: Stack) -> list[str]:
    """And looks at all of it. What is larger reaches a handler, whose 413 the API documents."""
    ((_, firewall),) = stack.of("AWS::WAFv2::WebACL")
    managed = [
        rule["Statement"].get("ManagedRuleGroupStatement", {}).get("RuleActionOverrides", [])
        for rule in firewall["Rules"]
    ]
    counted = {one["Name"] for one in chain.from_iterable(managed) if one["ActionToUse"] == {"Count": {}}}
    problems = [
        f"{rule} refuses what is over {limit} bytes, our routes take {TAKEN[rule]}: let it count"
        for rule, limit in REFUSED_ABOVE.items()
        if TAKEN[rule] > limit and rule not in counted
    ]
    bodies = firewall.get("AssociationConfig", {}).get("RequestBody", {}).get("API_GATEWAY", {})
    looked_at = bodies.get("DefaultSizeInspectionLimit", "KB_16")
    if looked_at != f"KB_{requests.MAX_BODY_BYTES // 1024}":
        problems.append(f"it looks at {looked_at} of a body, our routes take {requests.MAX_BODY_BYTES} bytes")
    return problems


def the_firewall_stands_before_the_stage_in_prod_or_if_asked_for(stack: Stack) -> list[str]:
    wanted = {"AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation"}
    parts = {name: one for name, one in stack.resources.items() if one["Type"] in wanted}
    problems = [
        f"{name} is always there" for name, one in parts.items() if one.get("Condition") != "HasWebAcl"
    ]
    before = [name_of(one["ResourceArn"]) for _, one in stack.of("AWS::WAFv2::WebACLAssociation")]
    if [arn.endswith(":/restapis/${Api}/stages/${Apiv1Stage}") for arn in before] != [True]:
        problems.append("the firewall stands before something else")
    default = stack.template["Parameters"]["WebAcl"]["Default"]
    for stage, asked, expected in (
        ("local", default, False),
        ("dev", default, False),
        ("staging", default, False),
        ("prod", default, True),
        ("prod", "true", True),
        ("prod", "false", False),
        ("dev", "true", True),
        ("dev", "false", False),
    ):
        if holds(stack, {"Condition": "HasWebAcl"}, {"Stage": stage, "WebAcl": asked}) is not expected:
            problems.append(f"it {'does not stand' if expected else 'stands'} in {stage} with WebAcl={asked}")
    return problems


def holds(stack: Stack, condition: Json, parameters: Mapping[str, str]) -> bool:
    """Whether a condition of the template does, with these parameters."""
    ((kind, said),) = condition.items()
    match kind:
        case "Condition":
            return holds(stack, stack.template["Conditions"][said], parameters)
        case "Fn::Equals":
            one, other = (parameters[value["Ref"]] if isinstance(value, dict) else value for value in said)
            return bool(one == other)
        case "Fn::And":
            return all(holds(stack, one, parameters) for one in said)
        case "Fn::Or":
            return any(holds(stack, one, parameters) for one in said)
        case "Fn::Not":
            return not holds(stack, said[0], parameters)
    raise AssertionError(f"{kind} is not understood here")

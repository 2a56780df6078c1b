"""The firewall holds to tests/template/firewall_rules.py, and each of those rules can fail."""

import pytest

from tests.template import firewall_rules as rules
from tests.template.rules import Rule
from tests.template.stack import Json, Stack, expand, raw
from tests.template.test_rules import Spoil


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(expand(raw()))


def firewall(stack: Stack) -> Json:
    return stack.properties("WebFirewall")


def rule(stack: Stack, name: str) -> Json:
    found: Json = next(one for one in firewall(stack)["Rules"] if one["Name"] == name)
    return found


def statement(stack: Stack, name: str) -> Json:
    found: Json = next(iter(rule(stack, name)["Statement"].values()))
    return found


def webhook_match(stack: Stack, name: str) -> Json:
    scope: Json = statement(stack, name)["ScopeDownStatement"]
    match: Json = scope["NotStatement"]["Statement"]["ByteMatchStatement"]
    return match


def sent_match(stack: Stack) -> Json:
    match: Json = statement(stack, "WebhooksPerAddress")["ScopeDownStatement"]["ByteMatchStatement"]
    return match


def token_header(stack: Stack) -> Json:
    header: Json = statement(stack, "RequestsPerToken")["CustomKeys"][0]["Header"]
    return header


def token_scope(stack: Stack) -> list[Json]:
    """What is counted: PUT; a path with a checkout session in it."""
    scope: Json = statement(stack, "RequestsPerToken")["ScopeDownStatement"]
    either: list[Json] = scope["OrStatement"]["Statements"]
    return either


def method_counted(stack: Stack) -> Json:
    match: Json = token_scope(stack)[0]["ByteMatchStatement"]
    return match


def overrides(stack: Stack) -> list[Json]:
    """What the common rules do otherwise than AWS has it."""
    found: list[Json] = statement(stack, "Common")["RuleActionOverrides"]
    return found


passing = rules.the_firewall_lets_webhooks_pass_and_keeps_no_request
of_webhooks = rules.the_firewall_counts_who_sends_webhooks
per_token = rules.the_firewall_counts_each_token_where_stripe_is_called
sizes = rules.the_firewall_takes_what_our_routes_take
standing = rules.the_firewall_stands_before_the_stage_in_prod_or_if_asked_for

SPOILT: list[tuple[Rule, Spoil, str]] = [
    (passing, lambda s: statement(s, "RequestsPerAddress").pop("ScopeDownStatement"), "is held against"),
    (passing, lambda s: statement(s, "Reputation").pop("ScopeDownStatement"), "is held against"),
    (passing, lambda s: webhook_match(s, "Common").update(SearchString="/webhook"), "is held against"),
    (
        passing,
        lambda s: webhook_match(s, "Common")["TextTransformations"][0].update(Type="URL_DECODE"),
        "Common lets others pass",
    ),
    (passing, lambda s: webhook_match(s, "Common").update(SearchString="e"), "Common lets others pass"),
    (
        passing,
        lambda s: method_counted(s).update(SearchString="POST"),
        "is held against",
    ),
    (passing, lambda s: rule(s, "Reputation").update(OverrideAction={"Count": {}}), "only counts"),
    (
        passing,
        lambda s: rule(s, "RequestsPerToken")["VisibilityConfig"].update(SampledRequestsEnabled=True),
        "RequestsPerToken keeps samples",
    ),
    (passing, lambda s: firewall(s)["Rules"].pop(0), "no rule counts addresses"),
    (passing, lambda s: firewall(s).update(Rules=firewall(s)["Rules"][:3]), "no rule of AWS's own"),
    (
        passing,
        lambda s: s.resources.update(Logs={"Type": "AWS::WAFv2::LoggingConfiguration", "Properties": {}}),
        "logs requests",
    ),
    (of_webhooks, lambda s: firewall(s)["Rules"].pop(1), "no rule counts webhooks by address"),
    (of_webhooks, lambda s: sent_match(s).update(SearchString="e"), "no rule counts webhooks by address"),
    (
        of_webhooks,
        lambda s: sent_match(s)["TextTransformations"][0].update(Type="URL_DECODE"),
        "another route is counted",
    ),
    (
        of_webhooks,
        lambda s: statement(s, "WebhooksPerAddress").update(AggregateKeyType="CONSTANT"),
        "webhooks of all addresses",
    ),
    (of_webhooks, lambda s: rule(s, "WebhooksPerAddress").update(Action={"Count": {}}), "none is refused"),
    *(
        (
            of_webhooks,
            lambda s, limit=limit: s.template["Parameters"]["WebAclWebhooksPerAddress"].update(Default=limit),
            found,
        )
        for limit, found in ((2_000, "one address may send 1%"), (150_000, "one address may send 100%"))
    ),
    (per_token, lambda s: firewall(s)["Rules"].pop(2), "no rule counts tokens"),
    (per_token, lambda s: token_header(s).update(Name="x-api-key"), "x-api-key is not where a token is"),
    *(
        (
            per_token,
            lambda s, number=number: token_header(s)["TextTransformations"].pop(number),
            "another spelling",
        )
        for number in (0, 1)
    ),
    (per_token, lambda s: rule(s, "RequestsPerToken").update(Action={"Count": {}}), "nothing is refused"),
    (per_token, lambda s: token_scope(s).pop(0), "it does not count just"),
    (per_token, lambda s: token_scope(s).pop(1), "it does not count just"),
    (
        per_token,
        lambda s: token_scope(s)[1]["ByteMatchStatement"].update(PositionalConstraint="ENDS_WITH"),
        "it does not count just",
    ),
    (
        per_token,
        lambda s: statement(s, "RequestsPerToken").pop("ScopeDownStatement"),
        "it does not count just",
    ),
    (
        per_token,
        lambda s: token_scope(s)[1]["ByteMatchStatement"]["TextTransformations"][0].update(Type="NONE"),
        "an escape in the path",
    ),
    (sizes, lambda s: overrides(s).pop(0), "SizeRestrictions_BODY refuses what is over 8192 bytes"),
    (sizes, lambda s: overrides(s)[0].update(ActionToUse={"Block": {}}), "SizeRestrictions_BODY refuses"),
    (sizes, lambda s: overrides(s).pop(1), "SizeRestrictions_URIPATH refuses what is over 1024"),
    (sizes, lambda s: firewall(s).pop("AssociationConfig"), "looks at KB_16 of a body"),
    (standing, lambda s: s.resources["WebFirewall"].pop("Condition"), "WebFirewall is always there"),
    (standing, lambda s: s.resources.pop("WebFirewallBeforeApi"), "before something else"),
    (
        standing,
        lambda s: s.template["Parameters"]["WebAcl"].update(Default="false"),
        "it does not stand in prod with WebAcl=false",
    ),
    (
        standing,
        lambda s: s.template["Conditions"].update(HasWebAcl={"Fn::Equals": [{"Ref": "Stage"}, "prod"]}),
        "it stands in prod with WebAcl=false",
    ),
    (
        standing,
        lambda s: s.template["Conditions"].update(
            HasWebAcl={"Fn::Not": [{"Fn::Equals": [{"Ref": "WebAcl"}, "false"]}]}
        ),
        "it stands in dev with WebAcl=auto",
    ),
]


@pytest.mark.parametrize(
    "rule", [passing, of_webhooks, per_token, sizes, standing], ids=lambda rule: rule.__name__
)
def test_holds_for_the_template(rule: Rule, stack: Stack) -> None:
    assert rule(stack) == []


@pytest.mark.parametrize(("rule", "spoil", "found"), SPOILT, ids=[found for _, _, found in SPOILT])
def test_what_was_spoilt_is_found(rule: Rule, spoil: Spoil, found: str, stack: Stack) -> None:
    spoilt = stack.copy()
    spoil(spoilt)
    assert any(found in problem for problem in rule(spoilt))

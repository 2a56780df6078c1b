"""A deployment on restored tables: nothing refers to the stack's own any more, and all else is as it was."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]

from local.settings import REGION
from mandates.store import tables
from ops.existing_tables import (
    RULE,
    STREAMS,
    TABLES,
    check,
    keep,
    name_parameter,
    pointed_at,
    store_name,
)
from ops.parameters import ParametersRefused, effective
from tests.template.stack import Json, Stack, expand, raw

GIVEN = {
    "Stage": "prod",
    "AllowedOrigins": "https://shop.example",
    "OidcIssuer": "https://issuer.example",
    "OidcAudiences": "shop",
    "StripeLivemode": "true",
    "StripeApiKeySecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:stripe-abcdef",
}
NAMES = {table: f"mandates-prod-{table}-20261127T090000Z" for table in TABLES}
ARNS: dict[str, str] = {
    STREAMS[table]: f"arn:aws:dynamodb:us-east-1:123456789012:table/{name}/stream/2026-11-27T10:00:00.000"
    for table, name in NAMES.items()
    if table in STREAMS
}
RESTORED = {**{name_parameter(table): name for table, name in NAMES.items()}, **ARNS}


def values(**more: str) -> dict[str, str]:
    return effective(raw(), {**GIVEN, **more})


@pytest.fixture(scope="module")
def restored() -> Json:
    return pointed_at(raw(), values(**RESTORED))


def references(part: Any) -> set[str]:
    """The logical ids that are referred to."""
    match part:
        case {"Ref": str(name)}:
            return {name}
        case {"Fn::GetAtt": [str(name), *_]} | {"Fn::GetAtt": str(name)}:
            return {name.partition(".")[0]}
        case {"DependsOn": str(name)}:
            return {name} | references({key: one for key, one in part.items() if key != "DependsOn"})
        case dict():
            said = [part["Fn::Sub"]] if "Fn::Sub" in part else []
            texts = [
                one
                for one in (said[0] if said and isinstance(said[0], list) else said)
                if isinstance(one, str)
            ]
            named = {found for text in texts for found in re.findall(r"\$\{(\w+)", text)}
            return named.union(*(references(one) for one in part.values()))
        case list():
            return set().union(*(references(one) for one in part))
    return set()


def test_nothing_changes_where_no_table_is_named() -> None:
    assert pointed_at(raw(), values()) == raw()


def test_nothing_refers_to_a_table_that_is_not_made(restored: Json) -> None:
    assert references(raw()) >= set(TABLES)
    assert references(restored) & set(TABLES) == set()
    assert not set(TABLES) & restored["Resources"].keys()
    assert RULE not in restored.get("Rules", {})


def test_all_else_is_as_it_was(restored: Json) -> None:
    """Written back, it is the template without the tables."""
    text = json.dumps(restored)
    for table in TABLES:
        name = f"${{{name_parameter(table)}}}"
        arn = f"arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{name}"
        for now, before in (
            ({"Ref": name_parameter(table)}, {"Ref": table}),
            ({"Fn::Sub": arn}, {"Fn::GetAtt": [table, "Arn"]}),
            ({"Ref": STREAMS.get(table)}, {"Fn::GetAtt": [table, "StreamArn"]}),
        ):
            text = text.replace(json.dumps(now), json.dumps(before))
        text = text.replace(f"{arn}/", f"${{{table}.Arn}}/")
    without_tables = copy.deepcopy(raw())
    del without_tables["Rules"]
    for table in TABLES:
        del without_tables["Resources"][table]
    as_lists = re.sub(
        r'{"Fn::GetAtt": "(\w+)\.(\w+)"}', r'{"Fn::GetAtt": ["\1", "\2"]}', json.dumps(without_tables)
    )
    assert json.loads(text) == json.loads(as_lists)


def test_the_streams_are_the_restored_tables(restored: Json) -> None:
    sources = [
        event["Properties"]["Stream"]
        for function in restored["Resources"].values()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    ]
    mandates, charges = {"Ref": "MandatesStreamArn"}, {"Ref": "ChargesStreamArn"}
    assert sources == [mandates, charges, mandates]


def test_one_table_alone(restored: Json) -> None:
    alone = pointed_at(raw(), values(TermsTableName=NAMES["TermsTable"]))
    assert references(alone) & set(TABLES) == set(TABLES) - {"TermsTable"}
    assert alone["Resources"].keys() == raw()["Resources"].keys() - {"TermsTable"}


def test_what_is_deployed_is_clean(restored: Json) -> None:
    given = copy.deepcopy(restored)
    for name, value in RESTORED.items():
        given["Parameters"][name]["Default"] = value
    found = lint(json.dumps(Stack(expand(given)).template), regions=[REGION])
    said = sorted((match.rule.id, match.message.split()[1]) for match in found)
    # A parameter that nothing uses any more: SAM has used it up.
    assert said == [("W2001", "ShiftTraffic")]


def test_the_outputs_say_which_tables(restored: Json) -> None:
    for table in TABLES:
        assert restored["Outputs"][table]["Value"] == {"Ref": name_parameter(table)}


@pytest.mark.parametrize("parameter", [*map(name_parameter, TABLES), *STREAMS.values()])
def test_cloudformation_stops_who_deploys_in_another_way(parameter: str) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html"""
    asserted = [one["Assert"] for one in raw()["Rules"][RULE]["Assertions"]]
    assert {"Fn::Equals": [{"Ref": parameter}, ""]} in asserted
    assert RULE in expand(raw())["Rules"]


@pytest.mark.parametrize(
    "given",
    [
        lambda name, stream: (name, ""),
        lambda name, stream: ("", stream),
        lambda name, stream: ("another", stream),
        lambda name, stream: (name[:-1], stream),
        lambda name, stream: (name, *(other for other in ARNS.values() if other != stream)),
    ],
)
@pytest.mark.parametrize("table", STREAMS)
def test_a_table_comes_with_its_own_stream(table: str, given: Callable[[str, str], tuple[str, str]]) -> None:
    parameters = (name_parameter(table), STREAMS[table])
    spoilt = given(*(RESTORED[parameter] for parameter in parameters))
    with pytest.raises(ParametersRefused, match=f"{parameters[0]}.* must belong to the same table"):
        check(values(**RESTORED | dict(zip(parameters, spoilt, strict=True))))


def test_what_is_restored_as_a_whole_is_taken() -> None:
    check(values(**RESTORED))
    check(values())


@pytest.mark.parametrize("forgotten", [{"TermsTableName"}, set(RESTORED)])
def test_a_stack_on_restored_tables_is_not_given_empty_ones(forgotten: set[str]) -> None:
    now = {name: value for name, value in RESTORED.items() if name not in forgotten}
    with pytest.raises(ParametersRefused, match=f"TermsTableName={NAMES['TermsTable']}"):
        keep(values(**RESTORED), values(**now))


def test_a_stack_may_go_to_restored_tables_and_on_to_others() -> None:
    keep({}, values(**RESTORED))
    keep(values(), values(**RESTORED))
    keep(values(**RESTORED), values(**{**RESTORED, "TermsTableName": "restored-again"}))
    keep({"Stage": "prod"}, values())


def test_ops_and_the_store_know_exactly_the_tables_that_the_template_makes() -> None:
    made = {
        name for name, resource in raw()["Resources"].items() if resource["Type"] == "AWS::DynamoDB::Table"
    }
    assert set(TABLES) == made
    assert sorted(map(store_name, TABLES)) == sorted(tables.TABLES)

"""Points a deployment's functions at tables that are there already, restored to a point in time.

The template makes its tables, and refers to them at some eighty places. An `Fn::If` at each would serve one
bad day alone, so the references are replaced on the way to CloudFormation, by the parameters that name the
tables. Whoever deploys without `make deploy` is stopped by the template's rule `TablesOfItsOwn`.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from ops.parameters import ParametersRefused

Json = dict[str, Any]

Table = Literal["CustomersTable", "MandatesTable", "StripeSubjectsTable", "EventsTable", "TermsTable"]
TABLES: tuple[Table, ...] = get_args(Table)
"""The logical ids of the tables, which are the names of the stack's outputs too."""

STREAM_PARAMETER: Literal["MandatesStreamArn"] = "MandatesStreamArn"
RULE = "TablesOfItsOwn"

_IN_TEXT = re.compile(r"\$\{(\w+)(?:\.(\w+))?\}")


def store_name(table: str) -> str:
    """What the store calls the table of that logical id: StripeSubjectsTable is `stripe_subjects`."""
    return re.sub("(?<!^)(?=[A-Z])", "_", table.removesuffix("Table")).lower()


def name_parameter(table: str) -> str:
    """The parameter that names the existing table; empty if the stack makes its own."""
    return f"{table}Name"


def named(values: Mapping[str, str]) -> dict[Table, str]:
    """The names of the tables that the stack does not make, by their logical ids."""
    return {table: values[name_parameter(table)] for table in TABLES if values[name_parameter(table)]}


def pointed_at(template: Mapping[str, Any], values: Mapping[str, str]) -> Json:
    """The template with the tables that these parameter values name, and without making those itself.

    What the stack made before is kept at AWS, since each table has `DeletionPolicy: Retain`.
    """
    existing: set[str] = {*named(values)}
    written: Json = copy.deepcopy(dict(template))
    if not existing:
        return written
    for table in existing:
        del written["Resources"][table]
    del written["Rules"][RULE]
    return {section: _replaced(part, existing) for section, part in written.items() if part}


def check(values: Mapping[str, str]) -> None:
    """Raise ParametersRefused unless the mandates' table and its stream belong together."""
    table, stream = values[name_parameter("MandatesTable")], values[STREAM_PARAMETER]
    if bool(table) != bool(stream) or (stream and f":table/{table}/stream/" not in stream):
        raise ParametersRefused(
            f"parameter_overrides in samconfig.toml: MandatesTableName ({table or 'empty'}) and"
            f" {STREAM_PARAMETER} ({stream or 'empty'}) must be of one table. `ops tables restore` prints"
            " both"
        )


def keep(deployed: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Raise ParametersRefused if the deployed stack is on an existing table and these values name none.

    It would make an empty one and go on with that.
    """
    forgotten = [
        f'"{name_parameter(table)}={deployed[name_parameter(table)]}"'
        for table in TABLES
        if deployed.get(name_parameter(table)) and not values[name_parameter(table)]
    ]
    if forgotten:
        raise ParametersRefused(
            "this stack's data are in tables that it did not make. In parameter_overrides in samconfig.toml: "
            + ", ".join(forgotten)
        )


def _replaced(part: Any, existing: set[str]) -> Any:
    match part:
        case {"Ref": str(table)} if table in existing:
            return {"Ref": name_parameter(table)}
        case {"Fn::GetAtt": [str(table), str(attribute)]} if table in existing:
            return _attribute(table, attribute)
        case {"Fn::GetAtt": str(text)} if text.partition(".")[0] in existing:
            return _attribute(*text.split("."))
        case {"Fn::Sub": str(text)}:
            return {"Fn::Sub": _IN_TEXT.sub(lambda found: _in_text(found, existing), text)}
        case {"Fn::Sub": [str(text), variables]}:
            text = _IN_TEXT.sub(lambda found: _in_text(found, existing - variables.keys()), text)
            return {"Fn::Sub": [text, _replaced(variables, existing)]}
        case dict():
            return {name: _replaced(value, existing) for name, value in part.items()}
        case list():
            return [_replaced(value, existing) for value in part]
    return part


def _attribute(table: str, attribute: str) -> Json:
    if attribute == "StreamArn":
        return {"Ref": STREAM_PARAMETER}
    return {"Fn::Sub": _arn(table)}


def _in_text(found: re.Match[str], existing: set[str]) -> str:
    table, attribute = found[1], found[2]
    if table not in existing:
        return found[0]
    if attribute is None:
        return f"${{{name_parameter(table)}}}"
    return f"${{{STREAM_PARAMETER}}}" if attribute == "StreamArn" else _arn(table)


def _arn(table: str) -> str:
    of_account = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}"
    return f"{of_account}:table/${{{name_parameter(table)}}}"

"""Points a deployment's functions at existing tables, restored to a point in time.

The template makes its tables, and refers to them in some eighty places. An `Fn::If` in each would serve only
one bad day. So on the way to CloudFormation the references are replaced by the parameters that name the
tables. The template's rule `TablesOfItsOwn` stops a deployment that does not use `make deploy`.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from ops.parameters import ParametersRefused

Json = dict[str, Any]

Table = Literal[
    "CustomersTable", "MandatesTable", "StripeSubjectsTable", "EventsTable", "TermsTable", "ChargesTable"
]
TABLES: tuple[Table, ...] = get_args(Table)
"""The logical ids of the tables, which are also the names of the stack's outputs."""

STREAMS: Mapping[str, Literal["MandatesStreamArn", "ChargesStreamArn"]] = {
    "MandatesTable": "MandatesStreamArn",
    "ChargesTable": "ChargesStreamArn",
}
"""The tables that have a stream, each with the parameter that names the stream of an existing table."""

RULE = "TablesOfItsOwn"

_IN_TEXT = re.compile(r"\$\{(\w+)(?:\.(\w+))?\}")


def store_name(table: str) -> str:
    """The store's name for the table with that logical id: StripeSubjectsTable is `stripe_subjects`."""
    return re.sub("(?<!^)(?=[A-Z])", "_", table.removesuffix("Table")).lower()


def name_parameter(table: str) -> str:
    """The parameter that names the existing table. Its value is empty if the stack makes its own."""
    return f"{table}Name"


def named(values: Mapping[str, str]) -> dict[Table, str]:
    """The names of the tables that the stack does not make, by logical id."""
    return {table: values[name_parameter(table)] for table in TABLES if values[name_parameter(table)]}


def named_streams(values: Mapping[str, str]) -> dict[str, str]:
    """The ARNs of those tables' streams, by the table's logical id. Empty if the stack makes the table."""
    return {table: values[parameter] for table, parameter in STREAMS.items()}


def pointed_at(template: Mapping[str, Any], values: Mapping[str, str]) -> Json:
    """The template, changed to use the tables that these parameter values name, and not to make them.

    Tables that the stack made before are kept at AWS, since each has `DeletionPolicy: Retain`.
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
    """Raise ParametersRefused unless each table and its stream belong together."""
    for table, stream in named_streams(values).items():
        name = values[name_parameter(table)]
        if bool(name) != bool(stream) or (stream and not is_of(stream, name)):
            raise ParametersRefused(
                f"parameter_overrides in samconfig.toml: {name_parameter(table)} ({name or 'empty'}) and"
                f" {STREAMS[table]} ({stream or 'empty'}) must belong to the same table."
                " `ops tables restore` prints both"
            )


def is_of(stream: str, name: str) -> bool:
    """Whether the stream with that ARN belongs to the table with that name."""
    return f":table/{name}/stream/" in stream


def keep(deployed: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Raise ParametersRefused if the deployed stack uses an existing table that these values do not name.

    The deployment would make an empty table and go on with that.
    """
    forgotten = [
        f'"{name_parameter(table)}={deployed[name_parameter(table)]}"'
        for table in TABLES
        if deployed.get(name_parameter(table)) and not values[name_parameter(table)]
    ]
    if forgotten:
        raise ParametersRefused(
            "this stack uses tables that it did not make. Add to parameter_overrides in samconfig.toml: "
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
        return {"Ref": STREAMS[table]}
    return {"Fn::Sub": _arn(table)}


def _in_text(found: re.Match[str], existing: set[str]) -> str:
    table, attribute = found[1], found[2]
    if table not in existing:
        return found[0]
    if attribute is None:
        return f"${{{name_parameter(table)}}}"
    return f"${{{STREAMS[table]}}}" if attribute == "StreamArn" else _arn(table)


def _arn(table: str) -> str:
    of_account = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}"
    return f"{of_account}:table/${{{name_parameter(table)}}}"

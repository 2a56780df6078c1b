"""The template as CloudFormation gets it: expanded by AWS's own SAM translator, and easy to ask about."""

import copy
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from samtranslator.translator.transform import transform  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.settings import ROOT

Json = dict[str, Any]

TEMPLATE = ROOT / "template.yaml"
ALIAS = "Aliaslive"
"""What SAM appends to a function's logical id for the alias `live`."""

_UPLOADED = "s3://an-artifacts-bucket/key"  # `sam package` puts such addresses in place of folders


def raw() -> Json:
    """As it is written, to be changed at will: what YAML aliases repeat is not one object here."""
    written: Json = json.loads(_loaded())
    return written


@cache
def _loaded() -> str:
    return json.dumps(yaml_parse(TEMPLATE.read_text(encoding="utf-8")))


def expand(template: Json, **parameters: str) -> Json:
    """The translator rewrites what it is given, so it is given a copy. It reads only ShiftTraffic."""
    packaged = copy.deepcopy(template)
    written = (resource["Properties"] for resource in packaged["Resources"].values())
    for properties in (packaged["Globals"]["Function"], *written):
        for code in {"CodeUri", "ContentUri"} & properties.keys():
            if not properties[code].startswith("s3://"):
                properties[code] = _UPLOADED
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": "us-east-1"}):
        expanded: Json = transform(packaged, parameters, SimpleNamespace(load=dict))
    return expanded


@dataclass(frozen=True)
class Stack:
    """An expanded template. What is doctored in a test is `resources`."""

    template: Json

    @property
    def resources(self) -> Json:
        resources: Json = self.template["Resources"]
        return resources

    def of(self, kind: str) -> Iterator[tuple[str, Json]]:
        """The logical ids and properties of all resources of a type."""
        for name, resource in self.resources.items():
            if resource["Type"] == kind:
                yield name, resource.get("Properties", {})

    def properties(self, name: str) -> Json:
        properties: Json = self.resources[name]["Properties"]
        return properties

    def copy(self) -> "Stack":
        return Stack(copy.deepcopy(self.template))

    @property
    def functions(self) -> dict[str, Json]:
        return dict(self.of("AWS::Lambda::Function"))

    @property
    def api(self) -> Json:
        """The OpenAPI definition that SAM made of the routes."""
        body: Json = self.properties("Api")["Body"]
        return body


def name_of(value: Any) -> str:
    """What a reference points to, in one line: `Queue.Arn`, `Queue`, or the text itself."""
    match value:
        case {"Fn::GetAtt": [str(resource), str(attribute)]}:
            return f"{resource}.{attribute}"
        case {"Fn::GetAtt": str(attribute)}:
            return attribute
        case {"Ref": str(resource)}:
            return resource
        case {"Fn::Sub": str(text)}:
            return text
        case str(text):
            return text
    raise ValueError(f"not a reference: {value!r}")


def function_called(reference: Any) -> str:
    """The function behind a reference to it, to its ARN or to its alias."""
    return name_of(reference).removesuffix(".Arn").removesuffix(ALIAS)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resolved(value: Any, template: Json, given: Mapping[str, str]) -> Any:
    """A value as CloudFormation resolves it, where parameters and pseudo parameters have these values.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
    """

    def of(inner: Any) -> Any:
        return resolved(inner, template, given)

    match value:
        case {"Ref": str(name)}:
            return given[name]
        case {"Condition": str(name)}:
            return of(template["Conditions"][name])
        case {"Fn::If": [str(condition), yes, no]}:
            return of(yes if of(template["Conditions"][condition]) else no)
        case {"Fn::Equals": [one, other]}:
            return of(one) == of(other)
        case {"Fn::Not": [condition]}:
            return not of(condition)
        case {"Fn::Split": [str(separator), text]}:
            return of(text).split(separator)
        case {"Fn::Select": [index, items]}:
            return of(items)[int(index)]
        case str(text):
            return text
    raise ValueError(f"not resolved here: {value!r}")

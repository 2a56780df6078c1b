"""template.yaml and openapi.yaml have the same routes, and ask for a token on the same ones."""

from typing import Any

import pytest
import yaml

from local.settings import ROOT
from tests.template.stack import raw

Json = dict[str, Any]

METHODS = {"get", "put", "post", "delete", "patch", "head"}


def document() -> Json:
    loaded: Json = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    return loaded


def deployed(template: Json) -> dict[str, str | None]:
    """Each route with the authorizer that guards it, None where anyone may call."""
    default = template["Resources"]["Api"]["Properties"]["Auth"]["DefaultAuthorizer"]
    routes: dict[str, str | None] = {}
    for resource in template["Resources"].values():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            if event["Type"] == "Api":
                properties = event["Properties"]
                authorizer = properties.get("Auth", {}).get("Authorizer", default)
                route = f"{properties['Method'].upper()} {properties['Path']}"
                routes[route] = None if authorizer == "NONE" else authorizer
    return routes


def documented(document: Json) -> dict[str, str | None]:
    """Each operation with the one security scheme it asks for, None where it asks for none."""
    routes: dict[str, str | None] = {}
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            schemes = [name for one in item[method].get("security", document["security"]) for name in one]
            assert len(schemes) <= 1, f"{method} {path} has a choice of tokens, the gateway has not"
            routes[f"{method.upper()} {path}"] = schemes[0] if schemes else None
    return routes


def test_the_routes_and_their_tokens_are_the_same() -> None:
    assert documented(document()) == deployed(raw())


def test_the_tokens_are_declared_under_the_same_names() -> None:
    authorizers = raw()["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"]
    assert document()["components"]["securitySchemes"].keys() == authorizers.keys()


def test_the_servers_have_the_stage_in_their_path() -> None:
    deployed_at = document()["servers"][0]["url"]
    assert deployed_at.rpartition("/")[2] == raw()["Resources"]["Api"]["Properties"]["StageName"]


@pytest.mark.parametrize("spoilt", ["one more", "one less", "no token", "another method"])
def test_a_difference_is_noticed(spoilt: str) -> None:
    changed = raw()
    events = changed["Resources"]["ReadMandates"]["Properties"]["Events"]
    match spoilt:
        case "one more":
            events["More"] = {"Type": "Api", "Properties": {"Path": "/more", "Method": "GET"}}
        case "one less":
            del events["GetMandate"]
        case "no token":
            events["GetMandate"]["Properties"]["Auth"] = {"Authorizer": "NONE"}
        case _:
            events["GetMandate"]["Properties"]["Method"] = "POST"
    assert documented(document()) != deployed(changed)

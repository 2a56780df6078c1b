"""A changed parameter reaches running code: new versions behind every alias, a new deployment of the API."""

import copy
import time
from pathlib import Path

import pytest

from local.settings import ROOT
from ops.deploy import main
from ops.parameters import (
    DIGEST_VARIABLE,
    ParametersRefused,
    as_overrides,
    digest,
    effective,
    read_stage,
    stamped,
)
from tests.template.stack import Json, Stack, expand, raw
from tests.template.test_versions import renewed, versions

GIVEN = {
    "Stage": "dev",
    "AllowedOrigins": "https://shop.example",
    "OidcIssuer": "https://issuer.example/",
    "OidcAudiences": "https://mandates.shop.example",
    "StripeApiKeySecretArn": "arn:aws:secretsmanager:us-east-1:111122223333:secret:key",
    "StripeLivemode": "false",
}


def deployed_with(**changed: str) -> Json:
    template = raw()
    return stamped(template, effective(template, {**GIVEN, **changed}))


def another_value(parameter: Json, value: str) -> str:
    choices = [str(choice) for choice in parameter.get("AllowedValues", [f"{value}1"])]
    return next(choice for choice in choices if choice != value)


def literal(template: Json) -> str:
    value: str = template["Globals"]["Function"]["Environment"]["Variables"][DIGEST_VARIABLE]
    return value


@pytest.mark.parametrize("name", raw()["Parameters"])
def test_another_value_of_any_parameter_is_another_literal(name: str) -> None:
    before = effective(raw(), GIVEN)
    changed = another_value(raw()["Parameters"][name], before[name])
    assert literal(deployed_with(**{name: changed})) != literal(deployed_with())


def test_another_literal_makes_a_new_version_behind_every_alias() -> None:
    was, now = versions(deployed_with()), versions(deployed_with(ServiceClientIds="another"))
    assert renewed(was, now) == was.keys()


def test_the_same_values_make_no_new_version() -> None:
    assert deployed_with() == deployed_with(LogLevel="INFO")  # a default that is spelt out is the same value


def test_without_the_digest_the_alias_would_keep_the_old_value() -> None:
    """SAM's translator hashes a function's properties with `Ref`s in them:
    samtranslator/model/sam_resources.py, SamFunction._construct_version."""

    def without_it(**changed: str) -> Json:
        template = deployed_with(**changed)
        del template["Globals"]["Function"]["Environment"]["Variables"][DIGEST_VARIABLE]
        return template

    assert renewed(versions(without_it()), versions(without_it(ServiceClientIds="another"))) == set()


def test_a_changed_cors_origin_makes_a_new_deployment_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """AlwaysDeploy names it by the time of the deployment, in seconds: samtranslator/model/apigateway.py,
    ApiGatewayDeployment.make_auto_deployable."""

    def deployments(template: Json, at: float) -> list[str]:
        monkeypatch.setattr(time, "time", lambda: at)
        return [name for name, _ in Stack(expand(template)).of("AWS::ApiGateway::Deployment")]

    template = deployed_with(CorsOrigin="https://shop.example")
    assert deployments(template, 1_800_000_000) != deployments(template, 1_800_000_001)
    never = copy.deepcopy(template)
    del never["Resources"]["Api"]["Properties"]["AlwaysDeploy"]
    assert deployments(never, 1_800_000_000) == deployments(never, 1_800_000_001)


# ----------------------------------------------------------------------------------------- values


def test_every_parameter_is_passed_with_its_default_where_nothing_is_given() -> None:
    values = effective(raw(), GIVEN)
    assert values.keys() == raw()["Parameters"].keys()
    assert values["LogLevel"] == "INFO"
    assert values["AlarmEmail"] == ""
    assert 'AlarmEmail=""' in as_overrides(values)


def test_sam_reads_every_value_as_it_is() -> None:
    from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

    values = effective(raw(), {**GIVEN, "OidcAudiences": "one, two=2,https://three.example/?a=b"})
    read = CfnParameterOverridesType().convert(tuple(as_overrides(values)), None, None)
    assert read == values


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({**GIVEN, "AlowedOrigins": "x"}, "AlowedOrigins is not a parameter"),
        ({name: value for name, value in GIVEN.items() if name != "OidcIssuer"}, "OidcIssuer is missing"),
        ({**GIVEN, "ScopePrefix": 'a"b'}, "quotation mark"),
    ],
)
def test_values_that_cannot_be_are_refused_before_anything_is_built(given: dict[str, str], said: str) -> None:
    with pytest.raises(ParametersRefused, match=said):
        effective(raw(), given)


def test_the_digest_is_of_names_and_values() -> None:
    assert digest({"A": "1", "B": "2"}) == digest({"B": "2", "A": "1"})
    assert digest({"A": "1", "B": "2"}) != digest({"A": "2", "B": "1"})


# ------------------------------------------------------------------------------------- samconfig.toml


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_each_stage_names_its_stack_and_only_parameters_there_are(stage: str) -> None:
    config = read_stage(ROOT / "samconfig.toml", stage)
    assert config.stack == f"mandates-{stage}"
    assert config.given["Stage"] == stage
    assert config.given.keys() <= raw()["Parameters"].keys()


def test_a_stage_that_is_not_there_stops_before_building(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nope"]) == 1
    assert "no stage nope, only local, dev, staging, prod" in capsys.readouterr().err


@pytest.mark.parametrize("overrides", ['["Stage=dev", "Stage=prod"]', '["Stage"]', '"Stage=dev Stage=prod"'])
def test_an_override_is_one_name_and_its_value(overrides: str, tmp_path: Path) -> None:
    file = tmp_path / "samconfig.toml"
    file.write_text(f'[dev.deploy.parameters]\nstack_name = "s"\nparameter_overrides = {overrides}\n')
    with pytest.raises(ParametersRefused, match="said once"):
        read_stage(file, "dev")

"""The values that a deployment gives the template's parameters, and their digest, which makes new versions.

SAM names a function's version by a hash over its properties *before* CloudFormation fills in parameters. A
changed value alone would therefore change `$LATEST` but never what the alias `live` runs. So each deployment,
here or to AWS, writes the digest of all values into the template as a literal, which the hash includes.
"""

import copy
import hashlib
import json
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

DIGEST_VARIABLE = "PARAMETERS_DIGEST"
"""The environment variable that holds the digest, in every function. No code reads it."""


class ParametersRefused(Exception):
    """The message lists what is wrong with the values, and where they are set."""


@dataclass(frozen=True, slots=True)
class StageConfig:
    """A stage's section of samconfig.toml. `region` is None if AWS's own settings are to decide."""

    stack: str
    region: str | None
    given: Mapping[str, str]


def read_stage(samconfig: Path, stage: str) -> StageConfig:
    """What samconfig.toml says about the stage. Raises ParametersRefused."""
    config = tomllib.loads(samconfig.read_text(encoding="utf-8"))
    stages = [name for name, section in config.items() if isinstance(section, dict) and "deploy" in section]
    if stage not in stages:
        raise ParametersRefused(f"samconfig.toml has no stage {stage}, only {', '.join(stages)}")
    section = config[stage]["deploy"]["parameters"]
    overrides = section.get("parameter_overrides", [])
    given = _by_name(shlex.split(overrides) if isinstance(overrides, str) else overrides)
    return StageConfig(section["stack_name"], section.get("region"), given)


def effective(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """The value of every parameter that the template declares: the given one, else its default.

    All are passed to CloudFormation. It would otherwise keep the last deployment's value of a parameter that
    nobody gives any more. Raises ParametersRefused.
    """
    declared = template["Parameters"]
    wrong = [f"{name} is not a parameter of template.yaml" for name in sorted(given.keys() - declared.keys())]
    wrong += [
        f"{name} is missing" for name in declared if name not in given and "Default" not in declared[name]
    ]
    wrong += [
        f"{name} contains a quotation mark, which sam deploy can't pass on"
        for name, value in sorted(given.items())
        if '"' in value
    ]
    if wrong:
        raise ParametersRefused("parameter_overrides in samconfig.toml: " + "; ".join(wrong))
    return {name: str(given.get(name, declared[name].get("Default"))) for name in declared}


def stamped(template: Mapping[str, Any], values: Mapping[str, str]) -> Json:
    """The template with the digest of these values in it."""
    written: Json = copy.deepcopy(dict(template))
    written["Globals"]["Function"]["Environment"]["Variables"][DIGEST_VARIABLE] = digest(values)
    return written


def digest(values: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()[:16]


def as_overrides(values: Mapping[str, str]) -> list[str]:
    """As `sam deploy --parameter-overrides` takes them: quoted, or it would refuse an empty value."""
    return [f'{name}="{value}"' for name, value in values.items()]


def _by_name(overrides: Iterable[Any]) -> dict[str, str]:
    values: dict[str, str] = {}
    for override in overrides:
        name, equals, value = str(override).partition("=")
        if not equals or name in values:
            raise ParametersRefused(f"samconfig.toml: {override} must be one Name=value, given once")
        values[name] = value
    return values

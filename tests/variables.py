"""What the template gives a function as its environment, with values that are good enough to start on."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.template.stack import raw


def environment(function: str, aws_url: str) -> dict[str, str]:
    """What the template gives a function, for the canned AWS; nothing of this machine's, and no bytecode is
    written: Lambda's folders are read-only."""
    template: Any = raw()
    declared = {
        **template["Globals"]["Function"]["Environment"]["Variables"],
        **template["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {}),
    }
    return {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "canned",
        "AWS_SECRET_ACCESS_KEY": "canned",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict(_values(declared, template["Parameters"], aws_url)),
    }


def _values(
    declared: Mapping[str, Any], parameters: Mapping[str, Any], aws_url: str
) -> Iterator[tuple[str, str]]:
    known = {
        "ALLOWED_ORIGINS": "https://shop.example",
        "OWNER_MARK": "mandates-local",
        "OIDC_ISSUER": aws_url,
        "OIDC_AUDIENCES": "an-audience",
        "OIDC_JWKS_URL": "",
        "RETRY_DAYS": "1,3,7",
        "STRIPE_API_BASE": aws_url,
        "STRIPE_LIVEMODE": "false",
        "STRIPE_WEBHOOK_SECRETS_ARN": "webhook-secrets",
    }
    for name, value in declared.items():
        if name in known:
            yield name, known[name]
        elif "AllowedValues" in (parameter := _parameter(value, parameters)):
            yield name, parameter["Default"]
        elif name.endswith("_TABLE"):
            yield name, name.removesuffix("_TABLE").lower()
        elif name.endswith("_QUEUE_URL"):
            yield name, f"{aws_url}/123456789012/queue"
        else:
            yield name, value if isinstance(value, str) else "a-value"


def _parameter(value: Any, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameter that a variable takes its value from; empty if none."""
    name = value.get("Ref", "") if isinstance(value, dict) else ""
    found: Mapping[str, Any] = parameters.get(name, {})
    return found

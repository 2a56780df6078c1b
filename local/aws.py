"""The emulated AWS around the deployment: what an ops team has beforehand, and who the callers are."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any, Self

import boto3
import httpx
from botocore.exceptions import ClientError

from local.settings import ARTIFACTS_BUCKET, REGION, Settings

SCOPES = ("mandates:read", "mandates:write", "charges:write", "refunds:write")
RESOURCE_SERVER = "mandates-api"
CUSTOMERS = ("customer", "other_customer")
SERVICE = "service"
CALLERS = (*CUSTOMERS, SERVICE)
_POOL_NAME = "mandates-local"
_TOKEN_HOURS = 24  # the longest that Cognito allows: a stack stays up for a day's work


@dataclass(frozen=True)
class Identity:
    """The user pool that issues tokens here, and its two kinds of client."""

    issuer: str
    jwks_url: str
    customer_client_id: str
    service_client_id: str
    service_client_secret: str
    customer_ids: dict[str, str]
    password: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, written: dict[str, Any]) -> Self:
        return cls(**written)


def client(settings: Settings, service: str) -> Any:
    """A boto3 client that can reach only the emulator."""
    return _client_at(settings.aws_url, service)


def _client_at(aws_url: str, service: str) -> Any:
    connect: Any = boto3.client  # one function for 400 services: its stubs don't take a plain str
    return connect(
        service,
        endpoint_url=aws_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def create_artifacts_bucket(settings: Settings) -> None:
    client(settings, "s3").create_bucket(Bucket=ARTIFACTS_BUCKET)


def store_stripe_key(settings: Settings, key: str) -> str:
    """Make the secret that an ops team makes by hand on AWS. Returns its ARN."""
    created = client(settings, "secretsmanager").create_secret(Name="mandates-stripe-key", SecretString=key)
    return str(created["ARN"])


def store_webhook_secret(settings: Settings, arn: str, secret: str) -> None:
    value = json.dumps({"format": 1, "secrets": [secret]})
    client(settings, "secretsmanager").put_secret_value(SecretId=arn, SecretString=value)


def webhook_secret(settings: Settings, arn: str) -> str | None:
    """The newest of the webhook's signing secrets."""
    stored = client(settings, "secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    secrets: list[str] = json.loads(stored)["secrets"]
    return secrets[-1] if secrets else None


def create_identity(settings: Settings) -> Identity:
    cognito = client(settings, "cognito-idp")
    pool_id = cognito.create_user_pool(PoolName=_POOL_NAME)["UserPool"]["Id"]
    cognito.create_resource_server(
        UserPoolId=pool_id,
        Identifier=RESOURCE_SERVER,
        Name="Mandates",
        Scopes=[{"ScopeName": scope, "ScopeDescription": scope} for scope in SCOPES],
    )
    validity = {"AccessTokenValidity": _TOKEN_HOURS, "TokenValidityUnits": {"AccessToken": "hours"}}
    customers = cognito.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="storefront",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        **validity,
    )["UserPoolClient"]
    service = cognito.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="business",
        GenerateSecret=True,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=[f"{RESOURCE_SERVER}/{scope}" for scope in SCOPES],
        **validity,
    )["UserPoolClient"]
    password = f"{secrets.token_urlsafe(18)}aA1!"
    return Identity(
        # Cognito writes this into tokens, here as on AWS. Only the keys are elsewhere.
        issuer=f"https://cognito-idp.{REGION}.amazonaws.com/{pool_id}",
        jwks_url=f"{settings.aws_url}/{pool_id}/.well-known/jwks.json",
        customer_client_id=customers["ClientId"],
        service_client_id=service["ClientId"],
        service_client_secret=service["ClientSecret"],
        customer_ids={name: _create_user(cognito, pool_id, name, password) for name in CUSTOMERS},
        password=password,
    )


def token(aws_url: str, identity: Identity, name: str) -> str:
    """A new access token of `customer`, `other_customer` or `service`."""
    if name == SERVICE:
        return _service_token(aws_url, identity)
    answer = _client_at(aws_url, "cognito-idp").initiate_auth(
        ClientId=identity.customer_client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": _username(name), "PASSWORD": identity.password},
    )
    return str(answer["AuthenticationResult"]["AccessToken"])


def tokens(aws_url: str, identity: Identity) -> dict[str, str]:
    return {name: token(aws_url, identity, name) for name in CALLERS}


def _service_token(aws_url: str, identity: Identity) -> str:
    """The business's own token: client credentials, with every scope the client may have."""
    credentials = f"{identity.service_client_id}:{identity.service_client_secret}"
    answer = httpx.post(
        f"{aws_url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()},
        trust_env=False,
    ).raise_for_status()
    return str(answer.json()["access_token"])


def outputs(settings: Settings, stack_name: str) -> dict[str, str]:
    """A deployed stack's outputs by name; empty if there is no such stack."""
    try:
        stacks = client(settings, "cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError:
        return {}
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}


def _username(name: str) -> str:
    return f"{name.replace('_', '-')}@example.com"


def _create_user(cognito: Any, pool_id: str, name: str, password: str) -> str:
    """Returns the user's `sub`: the customer id."""
    username = _username(name)
    user = cognito.admin_create_user(
        UserPoolId=pool_id,
        Username=username,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": username}, {"Name": "email_verified", "Value": "true"}],
    )["User"]
    cognito.admin_set_user_password(UserPoolId=pool_id, Username=username, Password=password, Permanent=True)
    return next(str(attribute["Value"]) for attribute in user["Attributes"] if attribute["Name"] == "sub")

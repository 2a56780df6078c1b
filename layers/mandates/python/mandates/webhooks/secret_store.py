"""The signing secrets in Secrets Manager, changed in a way that loses nobody's change."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from mandates.core.errors import Busy
from mandates.core.signing_secrets import SigningSecrets, parsed_secrets

ATTEMPTS = 10

SecretChange = Callable[[SigningSecrets], SigningSecrets]


class _Version(NamedTuple):
    version_id: str
    held: SigningSecrets


class WebhookSecrets:
    """PutSecretValue has no condition, but it refuses a ClientRequestToken that already has another value.

    So the token is made from the version that was read. If two writers change the same version, the second is
    refused, reads again and changes what the first has written. This holds as long as Secrets Manager keeps
    the first writer's version, at least a day, and only among those who write in this way. A value put by
    hand in the same second may be overwritten.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """

    def __init__(self, client: Any, arn: str) -> None:
        """`client` is a Secrets Manager client of botocore or boto3."""
        self._client = client
        self._arn = arn

    def read(self) -> SigningSecrets:
        """Raises ValueError if the value is not one of ours, or Secrets Manager's error."""
        return self._version().held

    def change(self, change: SecretChange) -> SigningSecrets:
        """Returns what is then stored. `change` may be called several times. Raises Busy, or like `read`."""
        for _ in range(ATTEMPTS):
            version = self._version()
            changed = change(version.held)
            if changed == version.held:
                return changed
            try:
                self._client.put_secret_value(
                    SecretId=self._arn,
                    SecretString=changed.text(),
                    ClientRequestToken=_token_after(version.version_id),
                )
            except self._client.exceptions.ResourceExistsException:
                continue
            return changed
        raise Busy("others kept changing the webhook secrets; try again")

    def _version(self) -> _Version:
        found = self._client.get_secret_value(SecretId=self._arn)
        return _Version(found["VersionId"], parsed_secrets(found["SecretString"]))


def _token_after(version_id: str) -> str:
    """32 to 64 characters, as Secrets Manager requires."""
    return hashlib.sha256(f"after {version_id}".encode()).hexdigest()

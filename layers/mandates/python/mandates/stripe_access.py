"""The gateway with Stripe's API key as it is now: a rotated key is used without a deployment."""

import time

from mandates import aws
from mandates.gateway import Gateway
from mandates.secret_values import Secret, plain
from mandates.settings import StripeAccess


class Stripe:
    def __init__(self, settings: StripeAccess) -> None:
        client = aws.client("secretsmanager")
        self._secret = Secret(client, settings.stripe_api_key_secret_arn, plain, time.time)
        self._api_base = settings.stripe_api_base
        self._api_key = self._secret.get()
        self._gateway = self._new_gateway()

    def gateway(self) -> Gateway:
        api_key = self._secret.get()
        if api_key != self._api_key:
            self._api_key = api_key
            self._gateway = self._new_gateway()
        return self._gateway

    def _new_gateway(self) -> Gateway:
        return Gateway(self._api_key, api_base=self._api_base)

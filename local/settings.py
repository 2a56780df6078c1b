"""Where the local stack lives and listens, and its environment variables. No other module reads those."""

import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mandates.runtime.addresses import ORIGIN, normalised_origins

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
REGION = "us-east-1"
STACK_NAME = "mandates-local"
ARTIFACTS_BUCKET = "mandates-local-artifacts"  # samconfig.toml names it too
EMULATOR_SAVED = "saved"  # in the emulator's folder once all its state is saved there
PLACEHOLDER_STRIPE_KEY = "sk_test_placeholder"


@dataclass(frozen=True)
class Settings:
    """With a `stripe_key` the stack uses the real Stripe in test mode, without it the simulator.

    `origins` are those of further front ends, beside the shop.
    """

    state: Path
    aws_port: int
    stripe_port: int
    storefront_port: int
    stripe_key: str | None = None
    stripe_webhook_secret: str | None = None
    origins: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        return cls(
            state=(ROOT / environment.get("MANDATES_STATE_DIR", ".local")).resolve(),
            aws_port=_port(environment, "MANDATES_AWS_PORT", 4566),
            stripe_port=_port(environment, "MANDATES_STRIPE_PORT", 4242),
            storefront_port=_port(environment, "MANDATES_STOREFRONT_PORT", 4000),
            stripe_key=environment.get("STRIPE_SECRET_KEY") or None,
            stripe_webhook_secret=environment.get("STRIPE_WEBHOOK_SECRET") or None,
            origins=_origins(environment, "MANDATES_ORIGINS"),
        )

    @classmethod
    def apart(cls, state: Path, origins: Sequence[str] = ()) -> Self:
        """A stack beside any other: its own state, free ports, and always the simulator."""
        aws, stripe, storefront = free_ports(3)
        return cls(
            state=state.resolve(),
            aws_port=aws,
            stripe_port=stripe,
            storefront_port=storefront,
            origins=tuple(origins),
        )

    @property
    def aws_url(self) -> str:
        return f"http://{HOST}:{self.aws_port}"

    @property
    def stripe_url(self) -> str:
        return f"http://{HOST}:{self.stripe_port}"

    @property
    def storefront_url(self) -> str:
        return f"http://{HOST}:{self.storefront_port}"

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Of all front ends: the shop under both of its names, and the further ones."""
        loopback = self.storefront_url.replace(HOST, "localhost")
        return tuple(dict.fromkeys((self.storefront_url, loopback, *self.origins)))

    @property
    def stack_file(self) -> Path:
        return self.state / "stack.json"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def uses_real_stripe(self) -> bool:
        return self.stripe_key is not None


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not (value.isdecimal() and 0 < int(value) < 65536):
        raise SystemExit(f"{name} is {value!r}: it must be a port number")
    return int(value)


def _origins(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    origins = tuple(filter(None, map(str.strip, environment.get(name, "").split(","))))
    for origin in origins:
        if not re.fullmatch(ORIGIN, origin):
            raise SystemExit(
                f"{name} has {origin!r}: it must be an origin as browsers send it, without a path, "
                "such as http://localhost:5173 or https://shop.example"
            )
    return tuple(sorted(normalised_origins(frozenset(origins))))

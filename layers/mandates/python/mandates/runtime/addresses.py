"""The addresses that a deployment names, as patterns.

template.yaml has the same patterns under Parameters, and a test compares them: a function can use whatever
CloudFormation accepts. They use only what the regular expressions of both have in common.
"""

import re

from mandates.core.redirects import LOOPBACK_HOSTS
from mandates.runtime.settings import SettingsError

_LOOPBACK = "|".join(re.escape(host) for host in sorted(LOOPBACK_HOSTS))
_PORT = "(:[1-9][0-9]{0,4})?"

ORIGIN = rf"(https://([a-z0-9.-]{{1,253}}|\[::1\])|http://({_LOOPBACK})){_PORT}"
"""As a browser sends it (RFC 6454): lower case, an international name as `xn--…`, no path. Customers are sent
there, so it must be https, or this machine."""

# A container's name for the machine it runs on (`sam local`). Nobody can register a name under `.internal`.
_CONTAINERS_HOST = re.escape("host.docker.internal")

SERVER = rf"(https://[A-Za-z0-9._-]{{1,253}}|http://({_LOOPBACK}|{_CONTAINERS_HOST})){_PORT}"
"""A server that we call. We trust it for its certificate, or because it is this machine."""

URL = SERVER + "(/[!-~]*)?"


def normalised_origins(origins: frozenset[str]) -> frozenset[str]:
    """Origins as they are compared, without the scheme's default port. Raises SettingsError."""
    for origin in sorted(origins):
        if not re.fullmatch(ORIGIN, origin):
            raise SettingsError(
                f"ALLOWED_ORIGINS: {origin} is not an origin as a browser sends it, such as https://shop.example:"
                " lower case, without a path, and https unless it is this machine"
            )
    own_port = {"https": ":443", "http": ":80"}
    return frozenset(origin.removesuffix(own_port[origin.partition(":")[0]]) for origin in origins)

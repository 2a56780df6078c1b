"""The addresses that a deployment names, as patterns.

template.yaml has the same patterns under Parameters, and a test holds them together: what CloudFormation
takes, a function can use. They are written in what the regular expressions of both have in common.
"""

import re

from mandates.core.redirects import LOOPBACK_HOSTS

_LOOPBACK = "|".join(re.escape(host) for host in sorted(LOOPBACK_HOSTS))
_PORT = "(:[1-9][0-9]{0,4})?"

ORIGIN = rf"(https://([a-z0-9.-]{{1,253}}|\[::1\])|http://({_LOOPBACK})){_PORT}"
"""As a browser sends it (RFC 6454): lower case, an international name as `xn--…`, no path. Customers are sent
there, so it is https, or this machine."""

# What a container calls the machine it runs on (`sam local`). Nobody can register a name under `.internal`.
_CONTAINERS_HOST = re.escape("host.docker.internal")

SERVER = rf"(https://[A-Za-z0-9._-]{{1,253}}|http://({_LOOPBACK}|{_CONTAINERS_HOST})){_PORT}"
"""A server that we call, and trust for its certificate or because it is this machine."""

URL = SERVER + "(/[!-~]*)?"

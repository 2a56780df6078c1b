"""What the processes of the local stack see of the developer's environment.

A profile, a region or an endpoint left in a shell must never lead the local stack to somebody's real account.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.settings import HOST, REGION, Settings

_NOT_INHERITED = ("AWS_", "STRIPE_", "SAM_CLI_", "MINISTACK_", "LAMBDA_", "MANDATES_", "PYTHON")


def clean(inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The inherited environment, without what names an AWS account, changes Python, or puts a proxy before
    this machine.

    PYTHONDONTWRITEBYTECODE alone would make the emulator compile its 235,000 lines at every start.
    """
    kept = {name: value for name, value in inherited.items() if not name.startswith(_NOT_INHERITED)}
    direct = [HOST, "localhost", *filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy")])]
    return {
        **kept,
        "NO_PROXY": ",".join(direct),
        "no_proxy": ",".join(direct),
        # Without these, boto looks in the home directory.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # This virtual environment's tools come first: python3.13, uv and sam have their locked versions.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
    }


def for_aws(settings: Settings) -> dict[str, str]:
    """The environment of a process that talks to the emulator as if it were AWS."""
    return for_endpoint(settings.aws_url)


def for_endpoint(url: str) -> dict[str, str]:
    return {
        **clean(),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",  # MiniStack's root user
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.3",  # seconds between two polls of a deployment; the default suits AWS
    }

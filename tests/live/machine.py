"""Which machine a figure was measured on: without that it says nothing."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def described() -> str:
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    today = datetime.now(UTC)
    return (
        f"{today:%Y-%m-%d %H:%M} UTC · {platform.system()} {platform.machine()}, {_processor()}, "
        f"{os.cpu_count()} cores · Python {platform.python_version()} · load averages {load}"
    )


def _processor() -> str:
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text()
    except FileNotFoundError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else "unknown processor"

"""docs/runbook.md, read by tests: its headings are names of alarms, its table is of metrics."""

import re
from pathlib import Path

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


def entries() -> dict[str, str]:
    """By alarm: what the runbook says of it."""
    alarms = RUNBOOK.read_text(encoding="utf-8").partition("\n## Alarms\n")[2].partition("\n## ")[0]
    _, *parts = re.split(r"^### (.+)$", alarms, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def metrics_listed() -> set[str]:
    table = RUNBOOK.read_text(encoding="utf-8").partition("\n## Metrics\n")[2].partition("\n## ")[0]
    first_cells = (line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    return {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}

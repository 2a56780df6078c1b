"""How long the candidates for validating a request body take to import and use once.

    python -m tests.budget.measure_imports

Median over fresh interpreters with compiled bytecode, less the interpreter itself; milliseconds.
"""

import os
import statistics
import subprocess
import sys
import time

RUNS = 15
CANDIDATES = {
    "msgspec": (
        "import msgspec\n"
        "class Body(msgspec.Struct, forbid_unknown_fields=True):\n  email: str\n"
        'msgspec.json.decode(b\'{"email":"x"}\', type=Body)'
    ),
    "pydantic": (
        "import pydantic\n"
        "class Body(pydantic.BaseModel):\n  model_config = {'extra': 'forbid'}\n  email: str\n"
        'Body.model_validate_json(b\'{"email":"x"}\')'
    ),
}


def milliseconds(code: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])  # the first run compiles


def main() -> None:
    interpreter = milliseconds("pass")
    for name, code in CANDIDATES.items():
        print(f"{name:10} {milliseconds(code) - interpreter:6.1f} ms")


if __name__ == "__main__":
    main()

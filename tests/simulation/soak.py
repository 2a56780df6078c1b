"""Many seeded worlds in several processes: `python -m tests.simulation.soak --worlds 10000`."""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.simulation import reality

CHUNK = 25

Result = tuple[int, Counter[str], list[str], float]
"""How many worlds, what happened in them, what went wrong, and the CPU seconds it took."""


def run_chunk(seeds: Sequence[int]) -> Result:
    from tests.simulation.world import Violation
    from tests.simulation.worlds import run

    happened: Counter[str] = Counter()
    violations: list[str] = []
    begun = time.process_time()
    with reality.installed():
        for seed in seeds:
            try:
                happened += run(seed).counted
            except Violation as violation:
                violations.append(str(violation))
    return len(seeds), happened, violations, time.process_time() - begun


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--worlds", type=int, default=10_000)
    options.add_argument("--first", type=int, default=0, help="the first seed")
    options.add_argument("--processes", type=int, default=2)
    given = options.parse_args()
    seeds = range(given.first, given.first + given.worlds)
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    happened: Counter[str] = Counter()
    violations: list[str] = []
    done, cpu, begun = 0, 0.0, time.monotonic()
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for number, found, wrong, seconds in pool.imap_unordered(run_chunk, chunks):
            before, done, cpu = done, done + number, cpu + seconds
            happened += found
            violations += wrong
            for violation in wrong:
                print(violation, flush=True)
            if done * 20 // len(seeds) != before * 20 // len(seeds):
                rate = done / (time.monotonic() - begun)
                print(
                    f"{done:6} of {len(seeds)} worlds, {len(violations)} violations, {rate:.0f}/s", flush=True
                )
    elapsed = time.monotonic() - begun
    for name, times in sorted(happened.items()):
        print(f"  {times:9}  {name}")
    print(
        f"{done} worlds from seed {given.first}: {len(violations)} violations; {elapsed:.0f} s, "
        f"{done / elapsed:.1f} worlds/s, {1000 * cpu / done:.0f} ms of CPU each"
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())

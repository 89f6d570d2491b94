"""Play many seeds in parallel, or one with its trace: `python -m tests.simulation --help`."""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.history import History, play
from tests.simulation.injected_bugs import FAULT_PROFILES, INJECTED_BUGS, SEEDS_FILE, find, injected

_BATCH = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this seed only, and show its trace")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to play")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--bug", choices=INJECTED_BUGS, help="put this bug into the product first")
    parser.add_argument("--find", action="store_true", help="find the seeds that reveal injected bugs")
    chosen = parser.parse_args()
    if chosen.find:
        return _find_all(chosen.seeds, chosen.processes)
    if chosen.seed is not None:
        return _one(chosen.seed, chosen.bug)
    return _many(range(chosen.first, chosen.first + chosen.seeds), chosen.processes, chosen.bug)


def _play(seeds: range, bug: str | None) -> list[History]:
    with injected(bug):
        return [play(seed, FAULT_PROFILES.get(bug or "")) for seed in seeds]


def _one(seed: int, bug: str | None) -> int:
    (history,) = _play(range(seed, seed + 1), bug)
    print(f"--- {history.steps:,} steps, fingerprint {history.fingerprint:08x}")
    print(history.described(lines=len(history.trace)))
    return history.problem is not None


def _many(seeds: range, processes: int | None, bug: str | None) -> int:
    begun, failed, steps = time.monotonic(), list[History](), 0
    count: Counter[str] = Counter()
    batches = [
        range(first, min(first + _BATCH, seeds.stop)) for first in range(seeds.start, seeds.stop, _BATCH)
    ]
    done = 0
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(_play, batch, bug) for batch in batches]):
            for history in future.result():
                done += 1
                steps += history.steps
                count.update(history.count)
                if history.problem:
                    failed.append(history)
                    print(f"\r{history.verdict[:300]}", flush=True)
            seconds = time.monotonic() - begun
            print(
                f"\r{done:,} of {len(seeds):,} seeds, {seconds:,.0f} s", end="", file=sys.stderr, flush=True
            )
    print(file=sys.stderr)
    for name, number in sorted(count.items()):
        print(f"{number:>12,}  {name}")
    failed.sort(key=lambda history: history.seed)
    if failed:
        print(failed[0].described())
    seconds = time.monotonic() - begun
    print(f"{done:,} seeds, {steps:,} steps, {seconds:,.0f} s. {summary(failed)}")
    return bool(failed)


def summary(failed: Sequence[History]) -> str:
    """The last words of a run: every failed seed, in order."""
    if not failed:
        return "All passed."
    return f"{len(failed)} failed: {', '.join(str(history.seed) for history in failed)}."


def _find_all(limit: int, processes: int | None) -> int:
    with ProcessPoolExecutor(processes) as pool:
        futures = {pool.submit(find, name, range(limit)): name for name in INJECTED_BUGS}
        found = {}
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            print(f"{future.result()!s:>6}  {futures[future]}", flush=True)
    SEEDS_FILE.write_text(json.dumps({name: found[name] for name in INJECTED_BUGS}, indent=2) + "\n")
    return None in found.values()


if __name__ == "__main__":
    sys.exit(main())

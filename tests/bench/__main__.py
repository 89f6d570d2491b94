"""All measurements, side by side with their floors and with two alternatives: `make bench`.

    .venv/bin/python -m tests.bench [--rows 1000 10000] [--balances 100000] [--pages FOLDER] [--publish]

Prints the tables; --publish also writes them into docs/performance.md, between their marks. Counts are exact.
Times are only compared with times of the same run, because machines are shared.
"""

import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from infra.local.ministack import MiniStack
from tests.bench import prices, waits
from tests.bench.budgets import MILLION, Figures, Million, all_budgets
from tests.bench.imports import Measured, after_redemptions, ours
from tests.bench.loading import loading
from tests.bench.other_designs import sample_app, transactions
from tests.simulation.limits import Run, run_import

PAGE = Path(__file__).parents[2] / "docs/performance.md"
_THROTTLED_ROWS = 2_000

Row = Iterable[object]


def table(*rows: Row) -> str:
    """Rows as Markdown, the first one being the header."""
    head, *rest = ([str(cell) for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rest))


def machine() -> str:
    """Where and with what the figures were made."""
    tools = ", ".join(
        f"{name} {version(name)}" for name in ("boto3", "orjson", "msgspec", "isal", "XlsxWriter")
    )
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, Python "
        f"{platform.python_version()}, {tools}; load {load:.1f} at the start."
    )


def growth(found: list[Measured]) -> str:
    """The exponent by which seconds grow with rows, from the first to the last size."""
    first, last = found[0], found[-1]
    if first.rows == last.rows:
        return "one size only"
    return f"{math.log(last.seconds / first.seconds) / math.log(last.rows / first.rows):.2f}"


def budgets(found: Figures) -> str:
    rows = [budget.row() for budget in all_budgets(found)]
    return table(("what", "floor", "budget", "ours", ""), *rows)


def with_waits(found: list[Measured]) -> str:
    """What a worker does in a second where every request waits."""
    first = found[0]
    return table(
        ("with waits", *(each.name for each in found)),
        ("rows redeemed a second, one worker", *(f"{each.redeemed_a_second:,.0f}" for each in found)),
        ("milliseconds for 500 rows", *(f"{500_000 / each.redeemed_a_second:,.0f}" for each in found)),
        ("our CPU in them, milliseconds", *(f"{_cpu_of(each, 'redeem') / 2:,.0f}" for each in found)),
        (
            "this service's speed over it",
            *(f"{first.redeemed_a_second / each.redeemed_a_second:.1f} x" for each in found),
        ),
    )


def _cpu_of(measured: Measured, phase: str) -> float:
    """Microseconds of CPU a row."""
    return measured.phases[phase].row_cpu * 1e6


def modelled(model: Million) -> str:
    sizes = [(rows, units) for rows in (MILLION, 100 * MILLION) for units in (4_000, 40_000)]
    return table(
        ("model, seconds", "validate", "redeem", "finish", "in all"),
        *(
            (
                f"{rows // MILLION} million rows at {units:,} units a second",
                f"{model.part('validate', rows):,.0f}",
                f"{model.redeem(rows, units):,.0f}",
                f"{model.finish(rows):,.0f}",
                f"{model.seconds(rows, units):,.0f}",
            )
            for rows, units in sizes
        ),
    )


def _report(balances: int, file_format: str, pages: Path | None) -> dict[str, float]:
    progress(f"A report of {balances:,} balances as {file_format}")
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-m", "tests.bench.report", str(balances), "--pages", str(pages or folder)]
        ran = subprocess.run([*program, "--format", file_format], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def designs(found: list[Measured]) -> str:
    return table(
        ("what", *(each.name for each in found)),
        (
            "rows redeemed a second, one worker on the emulator",
            *(f"{each.redeemed_a_second:,.0f}" for each in found),
        ),
        *(
            (name, *(f"{count(each) / each.rows * 1000:,.1f}" for each in found))
            for name, count in _PER_THOUSAND
        ),
    )


_PER_THOUSAND: tuple[tuple[str, Callable[[Measured], float]], ...] = (
    ("AWS requests per 1,000 rows", lambda each: sum(each.requests.values())),
    ("write units per 1,000 rows", lambda each: each.work.write_units),
    ("read units per 1,000 rows", lambda each: each.work.read_units),
    ("billed SQS requests per 1,000 rows", lambda each: each.work.sqs),
)


def costs(found: list[Measured]) -> str:
    bills = [prices.per_million(each.work) for each in found]
    return table(
        ("$ per million rows", *(each.name for each in found)),
        *((name, *(f"{bill[name]:.2f}" for bill in bills)) for name in bills[0]),
        ("**in all**", *(f"**{sum(bill.values()):.2f}**" for bill in bills)),
    )


def idle() -> str:
    rows = [(name, f"{cost:.2f}") for name, cost in prices.IDLE.items()]
    return table(("$ a month", "idle"), *rows, ("**in all**", f"**{sum(prices.IDLE.values()):.2f}**"))


def speed(found: list[Measured]) -> str:
    rows = [
        (
            f"{each.rows:,}",
            f"{each.rows / each.seconds:,.0f}",
            *(f"{_cpu_of(each, phase):,.0f}" for phase in ("validate", "redeem", "finish")),
        )
        for each in found
    ]
    header = (
        "rows",
        "rows a second",
        *(f"{phase}: CPU, µs a row" for phase in ("validate", "redeem", "finish")),
    )
    return table(header, *rows) + (f"\n\nGrowth exponent of the time, smallest to largest: {growth(found)}.")


def throttled() -> str:
    cases: list[tuple[str, Run]] = [
        ("no limit", run_import(_THROTTLED_ROWS, None)),
        ("500 units a second, reads and writes", run_import(_THROTTLED_ROWS, 500)),
        ("500 units a second, writes only", run_import(_THROTTLED_ROWS, 500, reads=None)),
        ("50 units a second", run_import(_THROTTLED_ROWS, 50)),
        ("2 units a second", run_import(_THROTTLED_ROWS, 2.0)),
    ]
    return table(
        ("table admits", "simulated s", "requests", "rejected whole", "keys unread", "statements rejected",
         "requeued", "dead letters", "redeemed"),
        *(
            (
                name, f"{run.seconds:,.0f}", _calls(run),
                run.throttled["requests"], run.throttled["keys"], run.throttled["statements"],
                run.count["requeued"], run.count.get("dead letters", 0),
                run.record["outcomes"]["REDEEMED"],
            )
            for name, run in cases
        ),
    )  # fmt: skip


def _calls(run: Run) -> int:
    return sum(number for what, number in run.count.items() if what.startswith("call "))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000], help="sizes of imports")
    parser.add_argument("--balances", type=int, default=100_000, help="balances of the reports")
    parser.add_argument("--pages", type=Path, help="where the report's pages are, or are to be kept")
    parser.add_argument("--publish", action="store_true", help="write the tables into docs/performance.md")
    chosen = parser.parse_args()
    parts = {"machine": machine()}
    progress("A throttled table, simulated")
    parts |= {"throttled": throttled(), "idle": idle()}
    few, many = min(chosen.rows), max(chosen.rows)
    with running(MiniStack.start) as aws:
        mine = [measured(ours, aws, rows) for rows in chosen.rows]
        others = [measured(design, aws, few) for design in (sample_app, transactions)]
        loaded = measured(loading, aws, few)
        progress("50 earlier redemptions of each balance")
        repeated = [after_redemptions(aws, by_reference) for by_reference in (False, True)]
    with running(waits.start) as aws:
        small, large = (fastest([measured(ours, aws, rows) for _ in range(3)]) for rows in (few, many))
        waiting = [measured(design, aws, few // 2) for design in (sample_app, transactions)]
        loaded_with_waits = measured(loading, aws, few)
    model = Million(small, large, mine[-1].work.write_units / mine[-1].rows)
    side_by_side = [mine[-1], *others]
    parts |= {"speed": speed(mine), "designs": designs(side_by_side), "costs": costs(side_by_side)}
    parts |= {"waits": with_waits([large, *waiting]), "model": modelled(model)}
    reports = [_report(chosen.balances, file_format, chosen.pages) for file_format in ("CSV", "XLSX")]
    progress("Cold starts, memory of the validation")
    found = Figures(
        *(mine[-1], others[0], model, waiting[0], repeated, reports, chosen.balances),
        *(loaded, loaded_with_waits),
    )
    parts["budgets"] = budgets(found)
    for name, text in parts.items():
        print(f"\n{name}\n\n{text}")
    if chosen.publish:
        publish(parts)
        print(f"\nWritten: {PAGE}")
    else:
        print("\ndocs/performance.md is unchanged; PUBLISH=1 writes these tables into it.")


@contextmanager
def running(start: Callable[[], MiniStack]) -> Iterator[MiniStack]:
    """An AWS, until the end of the block."""
    aws = start()
    try:
        yield aws
    finally:
        aws.stop()


def measured(design: Callable[[MiniStack, int], Measured], aws: MiniStack, rows: int) -> Measured:
    progress(f"{design.__name__}, {rows:,} rows")
    return design(aws, rows)


def fastest(runs: Sequence[Measured]) -> Measured:
    """Several runs of the same import, each phase as in the run where it took the least time."""
    phases = {
        name: min((run.phases[name] for run in runs), key=lambda phase: phase.row_seconds)
        for name in runs[0].phases
    }
    return replace(runs[0], phases=phases)


def progress(step: str) -> None:
    """Say what is measured now, so that a long run is not silent."""
    print(f"{time.strftime('%H:%M:%S')}  {step} ...", file=sys.stderr, flush=True)


def publish(parts: Mapping[str, str]) -> None:
    """Write the tables into the page, between their marks; the text around them stays."""
    page = PAGE.read_text()
    for name, text in parts.items():
        marks = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page = re.sub(
            marks, lambda found, text=text: f"{found[1]}\n{text}\n\n{found[2]}", page, flags=re.DOTALL
        )
    PAGE.write_text(page)


if __name__ == "__main__":
    main()

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
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from infra.local.ministack import MiniStack
from tests.bench import cold, prices, validate
from tests.bench.imports import Measured, ours, sample_app, transactions
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
    tools = ", ".join(f"{name} {version(name)}" for name in ("boto3", "orjson", "XlsxWriter"))
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


def budgets(import_: Measured, other: Measured, balances: int, pages: Path | None) -> str:
    """Every budget that a run can tell of."""
    work, thousands = import_.work, import_.rows / 1000
    cost = sum(prices.per_million(work).values())
    colds = cold.ratios()
    million = 1_000_000
    each = (validate.peak(200_000) - validate.peak(100_000)) / 100_000
    memory = (validate.peak(100_000) + 900_000 * each) / 1e6
    reports = [_report(balances, file_format, pages) for file_format in ("CSV", "XLSX")]
    scale = million / balances
    cpu = " / ".join(f"{each['cpu s'] * scale:.0f}" for each in reports)
    peak = " / ".join(f"{each['peak MB']}" for each in reports)
    written, read = f"{work.write_units / work.rows:.3f}", f"{work.read_units / work.rows:.3f}"
    imported = f"{colds['redeem']:.2f} / {colds['api']:.2f} x"
    faster = f"{import_.per_second / other.per_second:.1f} x"
    asked = f"{sum(import_.requests.values()) / thousands:.1f}"
    return table(
        ("what", "floor", "budget", "ours"),
        ("write units a redeemed row, balances of 1-8 open rewards, all tables", 1.0, 1.2, written),
        ("read units a redeemed row, all tables", 1.0, 1.2, read),
        (f"AWS requests per 1,000 rows, validate to finish, {import_.rows:,} rows", 52, 70, asked),
        ("list price per million redeemed rows", "$0.75", "$0.90", f"${cost:.2f}"),
        (
            "1 million rows on a new table, 4,000 units a second (modelled)",
            "250 s",
            "300 s",
            _whole(import_, 4_000),
        ),
        ("the same with 40,000 units a second", "25 s", "60 s", _whole(import_, 40_000)),
        ("validation: CPU over a bare csv.reader pass", "1 x", "3 x", f"{validate.ratio(100_000):.1f} x"),
        ("validation: bytes of memory a further row", "", 90, f"{each:.0f}"),
        ("validation: peak memory, 1 million rows (from two sizes)", "", "160 MB", f"{memory:.0f} MB"),
        ("redeem: rows a second over the sample app's", "", "8 x", faster),
        (f"report, 1 million balances (from {balances:,}): CPU s, CSV / XLSX", "4 / 8", "15 / 30", cpu),
        (f"the same: peak memory at {balances:,} balances, MB", "", 384, peak),
        ("cold import over boto3 with a client: redeem / api", "1 x", "1.5 x", imported),
    )


def _whole(import_: Measured, units: int) -> str:
    """Validation and finish by our CPU here, the redemption by the table's units."""
    alone = import_.phases["validate"] + import_.phases["finish"]
    return f"{alone / import_.rows * 1e6 + import_.work.write_units / import_.rows * 1e6 / units:.0f} s"


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
        ("rows a second, one worker", *(f"{each.per_second:,.0f}" for each in found)),
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
        (f"{each.rows:,}", f"{each.per_second:,.0f}", f"{each.cpu / each.rows * 1e6:,.0f}") for each in found
    ]
    return table(("rows", "rows a second", "our CPU, microseconds a row"), *rows) + (
        f"\n\nGrowth exponent of the time, smallest to largest: {growth(found)}."
    )


def throttled() -> str:
    free = run_import(_THROTTLED_ROWS, None)
    cases: list[tuple[str, Run]] = [
        ("no limit", free),
        ("1/20 of the demand, reads and writes", run_import(_THROTTLED_ROWS, free.per_second / 20)),
        ("1/20 of the demand, writes only", run_import(_THROTTLED_ROWS, free.per_second / 20, reads=None)),
        ("1/200 of the demand", run_import(_THROTTLED_ROWS, free.per_second / 200)),
        ("2 units a second", run_import(_THROTTLED_ROWS, 2.0)),
    ]
    return table(
        ("table admits", "simulated s", "requests", "refused whole", "keys unread", "statements refused",
         "put back", "dead letters", "redeemed"),
        *(
            (
                name, f"{run.seconds:,.0f}", _calls(run),
                run.throttled["requests"], run.throttled["keys"], run.throttled["statements"],
                run.count["put back"], run.count.get("dead letters", 0),
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
    aws = MiniStack.start()
    try:
        mine = []
        for rows in chosen.rows:
            progress(f"An import of {rows:,} rows")
            mine.append(ours(aws, rows))
        others = []
        for design in (sample_app, transactions):
            progress(f"An alternative design: {design.__name__}, {min(chosen.rows):,} rows")
            others.append(design(aws, min(chosen.rows)))
    finally:
        aws.stop()
    side_by_side = [mine[-1], *others]
    parts |= {"speed": speed(mine), "designs": designs(side_by_side), "costs": costs(side_by_side)}
    progress("Cold starts, memory of the validation")
    parts["budgets"] = budgets(mine[-1], others[0], chosen.balances, chosen.pages)
    for name, text in parts.items():
        print(f"\n{name}\n\n{text}")
    if chosen.publish:
        publish(parts)
        print(f"\nWritten: {PAGE}")
    else:
        print("\ndocs/performance.md is unchanged; PUBLISH=1 writes these tables into it.")


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

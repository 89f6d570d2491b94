"""The budgets, and whether this run meets them; and the model of large imports, which counts waits."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rewards.domain.result_groups import GROUP_ROWS
from tests.bench import cold, prices, validate, waits
from tests.bench.imports import CPU_SHARE, Measured

MILLION = 1_000_000
_WORKERS = 20  # MaxConcurrency that the budgets assume; its default is 5
_START = 1.5  # seconds, assumed, until a function has its event and has started
_STARTS = 2 * _START + 3  # of validate and of finish, and until workers run
_COPIES = 16  # copies within S3 at once, of one group's results each
_COPY = 0.4  # seconds of each, assumed: 30 MB at 75 MB a second


@dataclass(frozen=True, slots=True)
class Budget:
    """What a figure may be at most (at least, where `least`); several figures side by side have one row."""

    what: str
    floor: str
    limits: Sequence[float]
    figures: Sequence[float]
    form: str = "{:,.0f}"
    least: bool = False

    @property
    def is_met(self) -> bool:
        pairs = zip(self.figures, self.limits, strict=True)
        return all(figure >= limit if self.least else figure <= limit for figure, limit in pairs)

    def row(self) -> tuple[str, ...]:
        sign = "≥" if self.least else "≤"
        limits = " / ".join(f"{sign} {self.form.format(limit)}" for limit in self.limits)
        figures = " / ".join(self.form.format(figure) for figure in self.figures)
        return (self.what, self.floor, limits, figures, "met" if self.is_met else "**missed**")


@dataclass(frozen=True, slots=True)
class Million:
    """An import of any size, extrapolated from two that were measured with waits.

    Seconds of each part, for a table that admits `units` write units a second.
    """

    small: Measured
    large: Measured
    write_units: float  # of a row

    def part(self, phase: str, rows: int) -> float:
        """Seconds of `validate`, `send` or `finish` in one function."""
        first, last = self.small.phases[phase].seconds, self.large.phases[phase].seconds
        if self.small.rows == self.large.rows:
            return last / self.large.rows * rows
        return last + (rows - self.large.rows) * (last - first) / (self.large.rows - self.small.rows)

    def redeem(self, rows: int, units: int) -> float:
        """Seconds of the redemption: bound by the table, or by the workers with their share of a core."""
        phase = self.large.phases["redeem"]
        worker = max(phase.row_seconds - phase.row_cpu, 0.0) + phase.row_cpu / CPU_SHARE
        return max(rows * self.write_units / units, rows * worker / _WORKERS)

    def finish(self, rows: int) -> float:
        """Seconds of the finish: as many groups at once as there are workers, then one file of all."""
        groups = math.ceil(rows / GROUP_ROWS)
        if groups == 1:
            return self.part("finish", rows)
        return (
            math.ceil(groups / _WORKERS) * self.part("finish", GROUP_ROWS) + _START + self.concatenate(rows)
        )

    def concatenate(self, rows: int) -> float:
        """Seconds of the function that ends an import in groups."""
        return math.ceil(rows / GROUP_ROWS) / _COPIES * (_COPY + waits.S3_AND_SQS)

    def seconds(self, rows: int, units: int) -> float:
        """Seconds of all. Chunks are redeemed while the next ones are sent."""
        redeem = max(self.redeem(rows, units), self.part("send", rows))
        return self.part("validate", rows) + redeem + self.finish(rows) + _STARTS


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run measured: this service and the sample app on the emulator, and both with waits."""

    emulated: Measured
    sample_app: Measured
    model: Million
    sample_app_with_waits: Measured
    repeated: Sequence[Measured]  # with earlier redemptions: by rowId, by reference
    reports: Sequence[dict[str, float]]  # CSV, XLSX
    balances: int
    loading: Measured
    loading_with_waits: Measured


def all_budgets(found: Figures) -> Iterator[Budget]:
    """Every budget that a run can tell of."""
    work, model = found.emulated.work, found.model
    rows, with_waits = work.rows, model.large
    yield Budget(
        "write / read units a redeemed row, balances of 1-8 open rewards, all tables",
        "1.0 / 1.0", (1.05, 1.05), (work.write_units / rows, work.read_units / rows), "{:.3f}",
    )  # fmt: skip
    earlier = "after 50 earlier redemptions of each balance, an hour apart, by rowId / by reference"
    repeated = [each.work for each in found.repeated]
    written = [each.write_units / each.rows for each in repeated]
    read = [each.read_units / each.rows for each in repeated]
    yield Budget(f"write units {earlier}", "1.0", (2.0, 3.0), written, "{:.2f}")
    yield Budget(f"read units {earlier}", "1.0", (2.0, 1.5), read, "{:.2f}")
    requests = sum(found.emulated.requests.values()) / rows * 1000
    yield Budget(
        f"AWS requests per 1,000 rows, validate to finish, {rows:,} rows", "52", (68,), (requests,), "{:.1f}"
    )
    cost = sum(prices.per_million(work).values())
    yield Budget("list price per million redeemed rows", "$0.75", (0.80,), (cost,), "${:.2f}")
    for admitted, limit, floor in ((4_000, 275, "250 s"), (40_000, 45, "25 s")):
        yield Budget(
            f"1 million rows, {admitted:,} write units a second, {_WORKERS} workers (model with waits)",
            floor, (limit,), (model.seconds(MILLION, admitted),), "{:,.0f} s",
        )  # fmt: skip
    large = 100 * MILLION
    alone = [model.part("validate", large), model.part("finish", GROUP_ROWS), model.concatenate(large)]
    yield Budget(
        "100 million rows in one file, 40,000 units, as many workers as that takes (model)",
        "42 min", (55,),
        ((large * model.write_units / 40_000 + model.part("validate", large) + model.finish(large)) / 60,),
        "{:,.0f} min",
    )  # fmt: skip
    yield Budget(
        "the same: one function to validate / to join a group / to end, s (half of their time-out)",
        "", (450, 450, 450), alone,
    )  # fmt: skip
    yield Budget(
        "validation: CPU over a bare csv.reader pass", "1 x", (2.5,), (validate.ratio(100_000),), "{:.1f} x"
    )
    each = (validate.peak(200_000) - validate.peak(100_000)) / 100_000
    memory = (validate.peak(100_000) + 900_000 * each) / 1e6
    yield Budget(
        "validation: peak memory of 1 million rows, MB (from two sizes) / bytes of each further row",
        "", (100, 16), (memory, each),
    )  # fmt: skip
    finish = with_waits.phases["finish"].row_cpu * 1e6
    yield Budget("finish: CPU a row, µs", "", (1.5,), (finish,), "{:.1f}")
    faster = found.emulated.redeemed_a_second / found.sample_app.redeemed_a_second
    waiting = with_waits.redeemed_a_second / found.sample_app_with_waits.redeemed_a_second
    yield Budget(
        "redeem: rows a second of a worker over the sample app's, with waits / on the emulator",
        "", (50, 12), (waiting, faster), "{:.1f} x", least=True,
    )  # fmt: skip
    redeem = with_waits.phases["redeem"].row_cpu * 1e6
    yield Budget("redeem: CPU a row, µs", "64", (120,), (redeem,))
    work = found.loading.work
    yield Budget(
        f"loading rewards, two for each new participant, {work.rows:,} rows: write units a row",
        "3.5", (4.6,), (work.write_units / work.rows,), "{:.2f}",
    )  # fmt: skip
    cost = sum(prices.per_million(work).values())
    yield Budget("the same: list price per million rows", "$2.19", (3.25,), (cost,), "${:.2f}")
    yield Budget(
        "the same: rows a second of a worker, with waits", "",
        (100,), (1 / found.loading_with_waits.phases["load"].row_seconds,), least=True,
    )  # fmt: skip
    scale = MILLION / found.balances
    yield Budget(
        f"report of 1 million balances (from {found.balances:,}): CPU s, CSV / XLSX", "4 / 8", (13, 18),
        [each["cpu s"] * scale for each in found.reports],
    )  # fmt: skip
    yield Budget(
        f"the same: peak memory at {found.balances:,} balances, MB", "", (200, 200),
        [each["peak MB"] for each in found.reports],
    )  # fmt: skip
    colds = cold.ratios()
    yield Budget(
        "cold import over boto3 with a client: redeem / api", "0.87 x", (1.3, 1.9),
        (colds["redeem"], colds["api"]), "{:.2f} x",
    )  # fmt: skip
    yield Budget("idle, a month", "", (8,), (sum(prices.IDLE.values()),), "${:.2f}")

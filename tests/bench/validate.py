"""What validation costs: CPU against a bare csv.reader pass over the same file, and peak memory.

    .venv/bin/python -m tests.bench.validate [rows] [--files]

The real Validation, with a file in memory in the place of S3, and nothing in that of SQS and DynamoDB.
`--files` measures files whose rows are not as a report made them as well, each in blocks and row by row.
"""

import csv
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from rewards.adapters.files import _ReadAhead
from rewards.adapters.retry import Backoff
from rewards.bootstrap import Flows, Settings
from rewards.domain.import_job import ImportStatus, ImportType, new_import
from rewards.domain.receipt import BlockDigest
from rewards.flows import validate_import
from rewards.flows.check_rows import Reading
from rewards.settings import load
from tests.bench.imports import file_of
from tests.builders.row_ids import keys

NOW = 1_795_300_000_000


class _Files:
    """In place of Files: the upload, and nothing else is kept."""

    def __init__(self, body: Path) -> None:
        self._body = body

    def open_upload(
        self,
        _bucket: str,
        _key: str,
        _version: str,
        end: int | None = None,
        digest: BlockDigest | None = None,
    ) -> io.BufferedReader:
        return io.BufferedReader(_ReadAhead(self._body.open("rb"), digest), buffer_size=1 << 20)

    def put(self, _key: str, _body: bytes) -> None:
        pass


class _Table:
    """In place of JobsTable: remembers what sealed the import."""

    name = "jobs"

    def __init__(self) -> None:
        self.sealed: dict[str, Any] = {}

    def get(self, _kind: str, _identifier: str) -> None:
        return None

    def update_together(self, _kind: str, _id: str, changes: Any, _actions: Any, **_expected: Any) -> bool:
        self.sealed = changes
        return True


def validate(body: Path) -> float:
    """CPU seconds of one validation."""
    table = _Table()
    given = {"REDEMPTION_QUEUE_URL": "redeem", "FINISH_QUEUE_URL": "finish", "APPROVAL_RULE": "never"}
    settings = load(Settings, given, only=[name.lower() for name in given])
    flows: Any = Flows(settings, now=lambda: NOW)
    flows.jobs_table, flows.files, flows.queues, flows.row_id_keys = table, _Files(body), None, keys
    flows.audit_log = SimpleNamespace(add=lambda *_: None)
    job = replace(
        new_import("06gzzygm7a5nffgf", ImportType.REDEMPTIONS, False, "", "a.csv", NOW),
        status=ImportStatus.VALIDATING,
        size=body.stat().st_size,
    )
    validation = flows.validation
    begun = time.process_time()
    validation._validate(job, Backoff.for_seconds(900))
    took = time.process_time() - begun
    assert table.sealed, "the import was not sealed"
    return took


def bare(body: Path) -> float:
    """CPU seconds of reading the same file's rows."""
    begun = time.process_time()
    with body.open(encoding="utf-8-sig", newline="") as file:
        for _ in csv.reader(file):
            pass
    return time.process_time() - begun


@contextmanager
def _file(rows: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(file_of(rows, NOW))
        yield path


def ratio(rows: int, times: int = 5) -> float:
    """The least CPU of several validations over the least of several bare passes."""
    with _file(rows) as body:
        return _ratio(body, times)


def _ratio(body: Path, times: int) -> float:
    pairs = [(bare(body), validate(body)) for _ in range(times)]
    return min(ours for _, ours in pairs) / min(floor for floor, _ in pairs)


Cells = dict[str, str]


def _change(**cells: str) -> Callable[[Cells], Cells]:
    return lambda row: {**row, **cells}


# Of which rows (every one, every tenth, ...) what is changed.
FILES: dict[str, tuple[int, Callable[[Cells], Cells]]] = {
    "as a report made them": (1, _change()),
    "every third row skipped": (3, _change(valueToRedeem="0")),
    "values with 0, 1 and 2 decimals": (2, _change(valueToRedeem="7.5")),
    "every tenth name not ASCII": (10, _change(firstName="Zoë")),
    "a quoted cell in every hundredth row": (100, _change(segments="vip,eu")),
    "a quoted cell in every tenth row": (10, _change(segments="vip,eu")),
    "a quoted cell in every row": (1, _change(segments="vip,eu")),
    "every thousandth row unusual": (1000, _change(valueToRedeem="$5.00", userId="=x")),
    "every hundredth row unusual": (100, _change(valueToRedeem="$5.00", userId="=x")),
    "every row unusual": (1, _change(userId="=x")),
    "every thousandth row without rowId": (1000, _change(rowId="")),
    "line feeds alone": (1, _change()),
    "one row twice": (0, _change()),
}


def _write(name: str, body: Path, plain: Path) -> None:
    every, change = FILES[name]
    with plain.open(encoding="utf-8-sig", newline="") as source:
        rows = [
            change(row) if every and number % every == 0 else row
            for number, row in enumerate(csv.DictReader(source))
        ]
    if name == "one row twice":
        rows[-1] = rows[0]
    with body.open("w", encoding="utf-8-sig", newline="") as target:
        ends = "\n" if name == "line feeds alone" else "\r\n"
        writer = csv.DictWriter(target, rows[0].keys(), lineterminator=ends)
        writer.writeheader()
        writer.writerows(rows)


def files(rows: int, times: int = 3) -> Iterator[tuple[str, float, float]]:
    """The ratio of each of the files, in blocks and row by row."""
    with _file(rows) as plain:
        for name in FILES:
            body = plain.with_name("b.csv")
            _write(name, body, plain)
            in_blocks = _ratio(body, times)
            with mock.patch.object(validate_import, "Reading", partial(Reading, in_blocks=False)):
                yield name, in_blocks, _ratio(body, times)


def peak(rows: int) -> int:
    """Bytes of memory that a process has at most when it validates so many rows."""
    with _file(rows) as body:
        program = [sys.executable, "-m", "tests.bench.validate", "--peak", str(body)]
        return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


def _peak() -> int:
    """Kilobytes that this process had at most; getrusage would tell of its parent's before it began."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    if sys.argv[1:2] == ["--peak"]:
        validate(Path(sys.argv[2]))
        print(_peak() * 1024)
    else:
        rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
        print(f"{rows:,} rows: {ratio(rows):.2f} x csv.reader, peak {peak(rows) / 1e6:.0f} MB")
        for name, in_blocks, row_by_row in files(rows) if "--files" in sys.argv else ():
            print(f"{name}: {in_blocks:.1f} x in blocks, {row_by_row:.1f} x row by row", flush=True)


if __name__ == "__main__":
    main()

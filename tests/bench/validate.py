"""What validation costs: CPU against a bare csv.reader pass over the same file, and peak memory.

    .venv/bin/python -m tests.bench.validate [rows]

The real Validation, with a file in memory in the place of S3, and nothing in that of SQS and DynamoDB.
"""

import csv
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rewards.adapters.files import _Stream
from rewards.flows.validate_import import Validation
from tests.bench.imports import file_of
from tests.row_ids import keys

NOW = 1_795_300_000_000


class _Files:
    def __init__(self, body: Path) -> None:
        self._body = body

    def open_upload(self, _bucket: str, _key: str, _version: str, digest: Any = None) -> io.BufferedReader:
        return io.BufferedReader(_Stream(self._body.open("rb"), digest), buffer_size=1 << 20)


class _Jobs:
    def update(self, *_: Any, **__: Any) -> bool:
        return True


class _Queues:
    def __init__(self) -> None:
        self.chunks = 0

    def send_all(self, _url: str, bodies: Any, _backoff: Any) -> None:
        self.chunks = sum(1 for _ in bodies)


def validate(body: Path, rows: int) -> float:
    """CPU seconds of one validation."""
    queues: Any = _Queues()
    stand_ins: Any = (_Jobs(), _Files(body), queues, "redeem", "finish", lambda: NOW, keys)
    record = {
        "bucket": "b", "key": "k", "versionId": "v", "size": body.stat().st_size, "fileName": "a.csv",
        "type": "REDEEMABLE_REWARD_BALANCE", "dryRun": False, "dateCreated": NOW,
    }  # fmt: skip
    begun = time.process_time()
    Validation(*stand_ins)._validate("06gzzygm7a5nffgf", record, None)  # type: ignore[arg-type]
    assert queues.chunks == -(-rows // 500)
    return time.process_time() - begun


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
        pairs = [(bare(body), validate(body, rows)) for _ in range(times)]
    return min(ours for _, ours in pairs) / min(floor for floor, _ in pairs)


def peak(rows: int) -> int:
    """Bytes of memory that a process has at most when it validates so many rows."""
    with _file(rows) as body:
        program = [sys.executable, "-m", "tests.bench.validate", "--peak", str(rows), str(body)]
        return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


def _peak() -> int:
    """Kilobytes that this process had at most; getrusage would tell of its parent's before it began."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    if sys.argv[1:2] == ["--peak"]:
        validate(Path(sys.argv[3]), int(sys.argv[2]))
        print(_peak() * 1024)
    else:
        rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
        print(f"{rows:,} rows: {ratio(rows):.1f} x csv.reader, peak {peak(rows) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

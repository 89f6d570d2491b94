"""Fuzzes the import for as long as you like. In the repository's folder:

    python3 -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris -r requirements-dev.txt
    PYTHONPATH=layers/rewards/python:. /tmp/fuzz/bin/python tests/fuzz/fuzz.py csv /tmp/fuzz-csv \
        -keep_seed=1 -len_control=0 -max_total_time=600 -max_len=8000 -rss_limit_mb=2048

What to fuzz: `csv` (bytes of a .csv), `xlsx` (bytes of an .xlsx), `sheet` (one part of a workbook that is
whole otherwise: the first byte says which). The second argument is a folder that gathers inputs; it starts
with the corpus. Any other argument is libFuzzer's. It stops at the first broken promise and keeps the input.
"""

import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rewards", "csv", "zipfile", "xml", "openpyxl"]):
    import rewards.tabular.xlsx_reader  # noqa: F401  (the import would be out of sight later)
    from tests.fuzz import harness

PARTS = [name for name in harness.parts() if "sheet" in name or "workbook" in name or "tyles" in name]


def start(what, folder):
    """Put seeds into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if what == "sheet":
        found = [bytes([n]) + harness.parts()[name] for n, name in enumerate(PARTS)]
    else:
        found = [content for name, content in harness.seeds() if name.endswith(what)]
    for number, content in enumerate(found):
        Path(folder, f"seed-{number:03d}").write_bytes(content)


def main():
    logging.disable()
    what, folder = sys.argv.pop(1), Path(sys.argv[1])
    start(what, folder)

    def one(data):
        if what == "sheet":
            number = data[0] if data else 0
            harness.run("a.xlsx", harness.workbook(PARTS[number % len(PARTS)], data[1:]))
        else:
            harness.run(f"a.{what}", data)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

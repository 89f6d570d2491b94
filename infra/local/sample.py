"""Load the files of examples/ into the running local stack and show what became of each row: make sample"""

import csv
import io
import sys
import urllib.request
from typing import Any

from infra.local import __main__ as local_stack
from infra.local import stack
from infra.local.demo import Operator, step
from infra.local.ministack import ROOT

EXAMPLES = ROOT / "examples"
# (folder of the upload bucket, file), in the order in which they are loaded.
FILES = (
    ("rewards", "rewards.csv"),
    ("rewards", "rewards.xlsx"),
    ("redemptions", "filled-in-report.csv"),
    ("redemptions", "filled-in-report.xlsx"),
)


def main() -> int:
    local = local_stack.running()
    if local is None:
        print("No local stack is running. Start one with `make up`, then run `make sample` again.")
        return 1
    for record in load(local):
        if record["error"] and record["error"]["code"] != "DUPLICATE_FILE":
            return 1
    return 0


def load(local: stack.Stack) -> list[dict[str, Any]]:
    """Load the example files one after another, show their results, and return the imports' records."""
    operator = Operator(local)
    records = []
    for folder, name in FILES:
        step(f"examples/{name} is uploaded to the folder {folder}/")
        record = operator.watch(operator.upload(folder, name, (EXAMPLES / name).read_bytes()))
        records.append(record)
        if record["error"]:
            print(f"    {record['error']['code']}: {record['error']['message']}")
            continue
        address = operator.api("GET", f"/import/{record['id']}/results?redirect=false")
        with urllib.request.urlopen(address["url"], timeout=30) as response:
            text = response.read().decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            user = row.get("userId") or row.get("user.id")
            value = row.get("valueToRedeem", row.get("assignedCredit"))
            print(f"    {user:>6} {value:>8} {row['unit']:<10} {row['outcome']:<21} {row['message']}")
    return records


if __name__ == "__main__":
    sys.exit(main())

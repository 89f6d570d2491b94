"""Verify the tables and buckets of a stack, and compare them: `python -m infra.check_tables STACK`.

It changes nothing without an option. `--repair` enables settings, and repairs what tables of different
moments disagree about. `--reapply` also applies again what result parts say was loaded, redeemed or reversed.
Stop all changes before it runs with one of them. It ends with 1 if something is left to do.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from infra.check_tables.api_keys import valid_api_keys
from infra.check_tables.findings import Finding, State
from infra.check_tables.ledger import Ledger
from infra.check_tables.settings import StackSettings
from infra.deployed_stack import DeployedStack
from infra.verify.chain import LostReceipts
from rewards.adapters import clients
from rewards.domain.units import format_value


def check(
    name: str, repair: bool, reapply: bool, client: Callable[..., Any] = clients.client
) -> Iterator[str | Finding]:
    """Yield every finding about the stack with this name, then the totals as texts."""
    stack = DeployedStack.named(name, client)
    repair = repair or reapply
    flows = stack.flows(client)
    ledger = Ledger(flows, repair, reapply)
    restored: Iterator[Finding] = iter(())
    if stack.parameters.get("JobsTableName"):  # only a table that the stack adopted can be a restored one
        restored = chain(LostReceipts(flows, repair).check(), valid_api_keys(flows.api_keys))
    configured = StackSettings(client, stack.outputs, stack.parameters, stack.resources)
    counts: Counter[State] = Counter()
    for finding in chain(configured.check(repair), ledger.check(), restored):
        counts[finding.state] += 1
        yield finding
    yield "Findings: " + (", ".join(f"{counts[each]:,} {each}" for each in State if counts[each]) or "none")
    for unit, credits in sorted(ledger.applied.items()):
        yield f"Redeemed again: {format_value(credits, unit)} {unit}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stack", help="the name of the stack")
    parser.add_argument("--repair", action="store_true", help="enable settings and repair the tables")
    parser.add_argument("--reapply", action="store_true", help="load, redeem and reverse again what was lost")
    asked = parser.parse_args()
    is_open = False
    for line in check(asked.stack, asked.repair, asked.reapply):
        is_open |= isinstance(line, Finding) and line.state not in (State.REPAIRED, State.NOTE)
        print(line, flush=True)
    return int(is_open)


if __name__ == "__main__":
    raise SystemExit(main())

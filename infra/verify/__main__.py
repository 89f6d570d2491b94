"""Verify the receipts of a stack: `python -m infra.verify STACK`.

Checked are the chain from the oldest receipt kept, the copies in the files bucket, and uploads, result parts
and stored chunks that are still there. It changes nothing without `--repair`, which writes missing copies
again, and puts receipts back that a restore lost. It ends with 1 if something is wrong, or is left to repair.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from infra.check_tables.findings import Finding, State
from infra.deployed_stack import DeployedStack
from infra.verify.chain import Chain, LostReceipts
from infra.verify.files import ReceiptFiles
from rewards.adapters import clients
from rewards.bootstrap import Flows


def verify(name: str, repair: bool, client: Callable[..., Any] = clients.client) -> Iterator[str | Finding]:
    """Yield every finding about the receipts of the stack with this name, then what was checked."""
    stack = DeployedStack.named(name, client)
    return verify_receipts(stack.flows(client), int(stack.parameters["EvidenceDays"]), repair)


def verify_receipts(flows: Flows, evidence_days: int, repair: bool) -> Iterator[str | Finding]:
    """Yield every finding about the receipts, then what was checked."""
    chain, files = Chain(flows), ReceiptFiles(flows, evidence_days, repair)
    for found in chain.check():
        if isinstance(found, Finding):
            yield found
        else:
            yield from files.check(found)
    yield from LostReceipts(flows, repair).check(chain)
    if chain.first is not None and chain.last is not None:
        yield f"The chain: receipts {chain.first.sequence} to {chain.last.sequence}"
        yield f"The last one: SHA-256 {chain.last.digest}"
    yield "Checked: " + (", ".join(f"{number:,} {what}" for what, number in files.count.items()) or "nothing")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stack", help="the name of the stack")
    parser.add_argument("--repair", action="store_true", help="write what is missing and known")
    asked = parser.parse_args()
    is_wrong = False
    for line in verify(asked.stack, asked.repair):
        is_wrong |= isinstance(line, Finding) and line.state not in (State.REPAIRED, State.NOTE)
        print(line, flush=True)
    return int(is_wrong)


if __name__ == "__main__":
    raise SystemExit(main())

"""The processes in which a local stack runs its functions: which are at work, how they die, what they leave.

MiniStack keeps a process for each invocation that runs at once and hands it the next event on its standard
input. So a process that waits there to read has nothing in hand; the kernel tells (Linux only).
"""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from infra.local.stack import Stack

PROCESSES = Path("/proc")

FUNCTIONS = ("ValidateFunction", "RedeemFunction", "FinishFunction")

# `read`, of x86-64 and of arm64, from file 0.
_WAITS = [["0", "0x0"], ["63", "0x0"]]
_LOOK_SECONDS = 0.005  # shorter than a worker rests between two events
_ASK_SECONDS = 0.25


def kernel_tells() -> bool:
    """Whether we may know what our children wait for."""
    child = subprocess.Popen(["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE)
    try:
        return bool(_waits_for(child.pid))
    except OSError:
        return False
    finally:
        child.kill()
        child.communicate()


def _waits_for(pid: int) -> list[str]:
    """The number of the call to the kernel that a process waits in, and the call's first argument."""
    return (PROCESSES / str(pid) / "syscall").read_text().split()[:2]


@dataclass(frozen=True)
class Worker:
    """A process of a function. `script` lies in a folder of its own: a pid may be used again."""

    function: str
    pid: int
    script: str

    def is_busy(self) -> bool:
        """Whether it lives and has something in hand, be it only its own start."""
        try:
            return _waits_for(self.pid) not in _WAITS
        except (FileNotFoundError, ProcessLookupError):
            return False

    def is_at_work(self) -> bool:
        """Whether it has an event in hand and has called AWS."""
        try:
            files = [str(file.readlink()) for file in (PROCESSES / str(self.pid) / "fd").iterdir()]
        except OSError:
            return False
        return any(file.startswith("socket:") for file in files) and self.is_busy()


@dataclass(frozen=True)
class _Lease:
    """What `leasedUntil` and `leaseOwner` of an item of the table Jobs say (docs/reference/data-model.md)."""

    pk: str
    sk: str
    owner: str
    until: str


class Killer:
    """Kills workers at random moments of their work, and lets the leases of the dead run out.

    A worker that died holds its lease for minutes; its message stays hidden for longer, so on AWS whoever
    gets it next finds the lease run out. Here the message comes back within seconds, so the lease is set
    to have run out as soon as its owner is known to be dead, which comes to the same: the next one meets
    a lease in the past. It is known because who has a lease is busy from when it was taken until it is given
    back. A lease whose every possible owner, whoever was busy after it was read, has since died or been seen
    at rest, is nobody's. So no lease is ever taken from the living, as on AWS, where leases outlive them.
    """

    def __init__(self, local: Stack, chance: random.Random) -> None:
        self.kills: Counter[str] = Counter()
        self.leases_of_the_dead = 0
        self.wanted: Counter[str] = Counter()  # how many more of each function are to die
        self._local = local
        self._chance = chance
        self._dynamodb = local.aws.client("dynamodb")
        self._killed: set[Worker] = set()
        self._due: dict[Worker, float] = {}
        self._latest = dict.fromkeys(FUNCTIONS, 0.4)
        self._owners: dict[_Lease, set[Worker]] = {}

    def until(self, condition: Callable[[], object], seconds: float = 300.0) -> None:
        """Kill on until the condition holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            workers = self._end_leases_of_the_dead()
            if condition():
                return
            ask_again = time.monotonic() + _ASK_SECONDS
            while time.monotonic() < ask_again:
                workers -= self._killed
                busy = {worker for worker in workers if worker.is_busy()}
                for owners in self._owners.values():
                    owners &= busy
                self._strike(workers, busy)
                time.sleep(_LOOK_SECONDS)
        raise AssertionError(f"not in {seconds} s; {self.kills}; log:\n{self._local.aws.log()[-3000:]}")

    def end_all_leases(self) -> None:
        """Let more time pass than any lease takes, those of counted chunks too, which nobody returns.

        Only for when nothing is under way.
        """
        for lease in self._leases("leasedUntil > :now"):
            self._dynamodb.update_item(
                TableName=self._local.resources["JobsTable"],
                Key={"pk": {"S": lease.pk}, "sk": {"S": lease.sk}},
                UpdateExpression="SET leasedUntil = :past",
                ExpressionAttributeValues={":past": {"N": "1"}},
            )

    def _workers(self) -> set[Worker]:
        found = set()
        for folder in PROCESSES.iterdir():
            with suppress(OSError, ValueError, IndexError):  # no process, or one that ends
                if os.getpgid(int(folder.name)) == self._local.aws.pid:
                    script = (folder / "cmdline").read_text().split("\0")[1]
                    function = next((name for name in FUNCTIONS if self._local.resources[name] in script), "")
                    if function:
                        found.add(Worker(function, int(folder.name), script))
        return found - self._killed

    def _strike(self, workers: set[Worker], busy: set[Worker]) -> None:
        """Kill those whose moment has come. It is drawn when a worker is first seen at work."""
        now = time.monotonic()
        for worker in sorted(workers, key=lambda each: each.pid):
            function = worker.function
            if worker not in busy:
                if self._due.pop(worker, 0) > now:  # it was too quick
                    self._latest[function] *= 0.8
            elif self.wanted[function] > 0 and worker.is_at_work():
                if worker not in self._due:
                    self._due[worker] = now + self._chance.uniform(0, self._latest[function])
                if self._due[worker] <= now:
                    with suppress(ProcessLookupError):
                        os.kill(worker.pid, signal.SIGKILL)
                        self._killed.add(worker)  # it stays a process until MiniStack asks for it
                        self.kills[function] += 1
                        self.wanted[function] -= 1

    def _end_leases_of_the_dead(self) -> set[Worker]:
        """Who there is now, seen after the leases were read."""
        leases = self._leases("attribute_not_exists(counted) AND leasedUntil > :now")
        workers = self._workers()
        busy = {worker for worker in workers if worker.is_busy()}
        self._owners = {lease: self._owners.get(lease, busy) & busy for lease in leases}
        for lease in [lease for lease, owners in self._owners.items() if not owners]:
            with suppress(ClientError):  # it was released between
                self._dynamodb.update_item(
                    TableName=self._local.resources["JobsTable"],
                    Key={"pk": {"S": lease.pk}, "sk": {"S": lease.sk}},
                    UpdateExpression="SET leasedUntil = :past",
                    ConditionExpression="leaseOwner = :owner AND leasedUntil = :until "
                    "AND attribute_not_exists(counted)",
                    ExpressionAttributeValues={
                        ":past": {"N": "1"},
                        ":owner": {"S": lease.owner},
                        ":until": {"N": lease.until},
                    },
                )
                self.leases_of_the_dead += 1
        return workers

    def _leases(self, which: str) -> list[_Lease]:
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._local.resources["JobsTable"],
            ConsistentRead=True,
            FilterExpression=which,
            ExpressionAttributeValues={":now": {"N": str(time.time_ns() // 1_000_000)}},
        )
        return [
            _Lease(item["pk"]["S"], item["sk"]["S"], item["leaseOwner"]["S"], item["leasedUntil"]["N"])
            for page in pages
            for item in page["Items"]
        ]

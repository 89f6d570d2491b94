"""What goes wrong, how often, and what a caller of AWS then sees.

Every call of a service passes here. It takes time on its way there and back, so other processes
run in between, and a fault may befall it:

    throttled      rejected; nothing happened
    failing        HTTP 500: nothing happened, or all of it
    unreachable    no connection: nothing happened
    unanswered     it happened, the answer was lost
    late           no answer came in time, and then it happens after all, up to 50 seconds later
    retried        it happened, the answer was lost, and botocore sent it once more
    echoed         the same, but the first request arrives after the second was answered
    crashed        the process dies: before the effect, after it, or with the request under way
    stalled        the process, or the network, stands still, as long as its function may live
    partial        part of a batch is throttled; the service asks how large a part

Two kinds of faults last. Each lets workers of redemption wait and makes no row fail:

    no-concurrency  Lambda throttles every poller and every event: the account's concurrency is used up
    busy-table      DynamoDB throttles every request of RedeemFunction
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from tests.simulation.kernel import HOUR, MINUTE, SECOND, Kernel, KilledError

T = TypeVar("T")

# How long a request may be on its way; the leases of the product leave a minute for it.
LATEST = 50 * SECOND
STALLS = (SECOND, 10 * SECOND, 120 * SECOND, 600 * SECOND)

KINDS = (
    "throttled",
    "failing",
    "unreachable",
    "unanswered",
    "late",
    "retried",
    "echoed",
    "crashed",
    "stalled",
)
# Asked for by the services and by Lambda itself, where they can happen.
OTHERS = (
    "partial",
    "broken-body",
    "rejected-email",
    "duplicate-message",
    "resurrected-message",
    "delayed-message",
    "lost-delete",
    "duplicate-event",
    "delayed-event",
    "cold-start",
    "purged-queue",
    "no-concurrency",
    "busy-table",
)
# How long they last. Within an hour a message that is received every twelve minutes is a dead letter.
_OUTAGES = {
    "no-concurrency": (10 * MINUTE, HOUR, 3 * HOUR),
    "busy-table": (MINUTE, 10 * MINUTE, 30 * MINUTE),
}
# An import whose messages are lost costs the rest of its history, so that is rare; so is what lasts.
_MOST = {"purged-queue": 0.1, "no-concurrency": 0.02, "busy-table": 0.005}
# Nothing is the worse for these, so they never end a budget.
_FREE = frozenset({"cold-start"})

_THROTTLES: Mapping[str, tuple[str, ...]] = {
    "dynamodb": ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"),
    "s3": ("SlowDown", "ServiceUnavailable"),
    "sqs": ("RequestThrottled", "ThrottlingException"),
    "sesv2": ("TooManyRequestsException",),
    "lambda": ("TooManyRequestsException",),
}
_FAILURES: Mapping[str, str] = {
    "dynamodb": "InternalServerError",
    "s3": "InternalError",
    "sqs": "InternalFailure",
    "sesv2": "InternalFailure",
    "lambda": "ServiceException",
}


def client_error(code: str, message: str, operation: str, status: int = 400, **more: Any) -> ClientError:
    """The exception that botocore makes of an error answer."""
    metadata = {"HTTPStatusCode": status, "RequestId": "simulated"}
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata, **more}, operation
    )


@dataclass(frozen=True)
class FaultProfile:
    """Rates by kind of fault; with `only`, a function's name, only its calls are struck."""

    rates: Mapping[str, float]
    only: str | None = None


class FaultInjector:
    """How often each kind of fault strikes, until the budget of this run is used up."""

    def __init__(
        self, kernel: Kernel, rates: Mapping[str, float], budget: int, only: str | None = None
    ) -> None:
        """With `only`, a function's name, the calls of all others go well."""
        self._kernel = kernel
        self._rates = rates
        self._only = only
        self._outages = dict.fromkeys(_OUTAGES, 0)
        self.budget = budget

    @classmethod
    def of(cls, kernel: Kernel) -> "FaultInjector":
        """The fault profile of a seed: one in ten is calm, the others have some kinds of faults, or all."""
        random = kernel.random
        rates = dict.fromkeys((*KINDS, *OTHERS), 0.0)
        if random.random() < 0.1:
            return cls(kernel, rates, 0)
        # Where every call of every function may fail, hardly anything is validated; so sometimes it is one.
        only = random.choice([None, None, None, "redeem", "redeem", "finish", "validate", "report"])
        severity = random.choice([0.05, 0.1, 0.25] if only else [0.005, 0.02, 0.05, 0.1])
        share = random.choice([0.3, 0.6, 1.0])
        for kind in rates:
            if random.random() < share:
                # A message meets few of its own faults, a call is one of hundreds.
                rates[kind] = severity if kind in KINDS else min(_MOST.get(kind, 0.4), severity * 6)
        return cls(kernel, rates, random.choice([5, 20, 60, 120, 300]), only)

    @classmethod
    def profile(cls, kernel: Kernel, profile: FaultProfile) -> "FaultInjector":
        """Some kinds of faults, often."""
        rates = dict.fromkeys((*KINDS, *OTHERS), 0.0) | dict(profile.rates)
        return cls(kernel, rates, 1000, profile.only)

    def may_happen(self, kind: str) -> bool:
        """Whether this kind of fault is one of this run's."""
        return self._rates[kind] > 0

    def strikes(self, kind: str) -> bool:
        """Whether a fault of this kind happens now."""
        if self._spared() or self._kernel.random.random() >= self._rates[kind]:
            return False
        self._spend(kind)
        return True

    def lasts(self, kind: str) -> bool:
        """Whether a fault that lasts has not ended yet, or begins now."""
        if not self.may_happen(kind):
            return False
        if self._kernel.now < self._outages[kind]:
            return True
        if not self.strikes(kind):
            return False
        self._outages[kind] = self._kernel.now + self._kernel.random.choice(_OUTAGES[kind])
        return True

    def strike_of(self, kinds: tuple[str, ...]) -> str | None:
        """Which of some kinds happens now, if any."""
        if self._spared():
            return None
        draw = self._kernel.random.random()
        for kind in kinds:
            draw -= self._rates[kind]
            if draw < 0:
                self._spend(kind)
                return kind
        return None

    def _spared(self) -> bool:
        process = self._kernel.current()
        elsewhere = self._only is not None and process is not None and not process.name.startswith(self._only)
        return self.budget <= 0 or elsewhere

    def stop(self) -> None:
        self.budget = 0
        self._outages = dict.fromkeys(_OUTAGES, 0)

    def _spend(self, kind: str) -> None:
        if kind not in _FREE:
            self.budget -= 1
        self._kernel.count[f"fault {kind}"] += 1


class Gateway:
    """The way to a service, and back."""

    def __init__(self, kernel: Kernel, faults: FaultInjector) -> None:
        self.kernel = kernel
        self.faults = faults

    def call(self, service: str, operation: str, subject: str, apply: Callable[[], T], *, writes: bool) -> T:
        """Let a process's request have its effect, or not, and give it its answer, or none.

        Outside of a process (what people do, contract tests) it has its effect at once.
        """
        process = self.kernel.current()
        if process is None:
            return apply()
        if process.dead:
            raise KilledError
        self.kernel.sleep(self._latency())
        self.kernel.count[f"call {service}.{operation}"] += 1
        kind = self.faults.strike_of(KINDS)
        if service == "dynamodb" and process.name.startswith("redeem") and self.faults.lasts("busy-table"):
            kind = "throttled"
        if not writes and kind in ("late", "retried", "echoed", "unanswered"):
            kind = "unreachable"
        self.kernel.tell(process.name, f"{operation} {subject}{f'   ** {kind}' if kind else ''}")
        read = dict(process.read) if writes else {}

        def effect() -> T:
            self.kernel.acting = read if writes else process.read
            return apply()

        return self._befallen(kind, service, operation, effect) if kind else self._answered(effect)

    def _answered(self, apply: Callable[[], T]) -> T:
        result = apply()
        self.kernel.sleep(self._latency())
        return result

    def _befallen(self, kind: str, service: str, operation: str, apply: Callable[[], T]) -> T:
        random, sleep = self.kernel.random, self.kernel.sleep
        match kind:
            case "throttled":
                raise client_error(random.choice(_THROTTLES[service]), "Slow down.", operation)
            case "failing":
                if random.random() < 0.5:
                    apply()
                raise client_error(_FAILURES[service], "An error on our side.", operation, 500)
            case "unreachable":
                sleep(random.randint(1, 15) * SECOND)
                raise ConnectTimeoutError(endpoint_url=f"https://{service}.simulated")
            case "unanswered":
                apply()
                sleep(20 * SECOND)
                raise ReadTimeoutError(endpoint_url=f"https://{service}.simulated")
            case "late":
                self._later(apply)
                sleep(20 * SECOND)
                raise ReadTimeoutError(endpoint_url=f"https://{service}.simulated")
            case "retried":
                apply()
                sleep(random.randint(1, 20) * SECOND)
                return self._answered(apply)
            case "echoed":
                self._later(apply)
                return self._answered(apply)
            case "crashed":
                self._crash(apply)
            case _:
                return self._stalled(apply)
        raise AssertionError(kind)

    def _stalled(self, apply: Callable[[], T]) -> T:
        pause = self.kernel.random.choice(STALLS)
        first = self.kernel.random.random() < 0.5
        if first:
            self.kernel.sleep(self.kernel.random.randint(1, pause))
        result = apply()
        self.kernel.sleep(1 if first else self.kernel.random.randint(1, pause))
        return result

    def _crash(self, apply: Callable[[], Any]) -> None:
        when = self.kernel.random.choice(["before", "after", "under way"])
        if when == "after":
            apply()
        elif when == "under way":
            self._later(apply)
        process = self.kernel.current()
        assert process is not None
        process.dead = True
        self.kernel.after(0, lambda: self.kernel.kill(process))  # its other threads, too
        raise KilledError

    def _later(self, apply: Callable[[], Any]) -> None:
        def arrive() -> None:
            self.kernel.tell("network", "** a late request arrives")
            try:
                apply()
            except ClientError as error:
                self.kernel.tell("network", f"** and is rejected: {error.response['Error']['Code']}")

        self.kernel.after(self.kernel.random.randint(1, LATEST), arrive)

    def _latency(self) -> int:
        """Mostly some milliseconds, now and then much more, so that anything may overtake anything."""
        return self.kernel.random.randint(1, self.kernel.random.choice([5, 20, 20, 200, 2000]))


class Direct:
    """A gateway to services that nothing ever befalls, for contract tests."""

    def __init__(self) -> None:
        self.kernel = Kernel(0)
        self.faults = FaultInjector(self.kernel, dict.fromkeys((*KINDS, *OTHERS), 0.0), 0)

    def call(self, service: str, operation: str, subject: str, apply: Callable[[], T], *, writes: bool) -> T:
        return apply()

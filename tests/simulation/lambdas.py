"""AWS Lambda: containers, time-outs, asynchronous invocations, and queues as event sources.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any, ClassVar

from tests.simulation.faults import FaultInjector, Gateway
from tests.simulation.kernel import HOUR, MINUTE, SECOND, Kernel, KilledError
from tests.simulation.sqs import SQS, Message

ROOT = Path(__file__).parents[2]
ACCOUNT = "arn:aws:sqs:us-east-1:000000000000:"

# How often Lambda calls a function in one chain of messages, unless its RecursiveLoop is Allow.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
LOOP = 16
# How long Lambda keeps an event for which there is no concurrency, and how often it tries again.
EVENT_AGE, EVENT_RETRY = 6 * HOUR, 5 * MINUTE


@dataclass
class Function:
    """A folder of `functions/`, with the template's `timeout` (milliseconds) and RecursiveLoop."""

    name: str
    timeout: int
    may_loop: bool = False
    idle: list["Container"] = field(default_factory=list)

    def forget(self) -> None:
        """All its containers go."""
        for container in self.idle:
            container.discard()
        self.idle.clear()


class Lambda:
    """Runs handlers, each container one invocation at a time, as processes that may die at any call."""

    def __init__(self, kernel: Kernel, faults: FaultInjector) -> None:
        self._kernel = kernel
        self._faults = faults
        self._invocations = 0

    def is_throttled(self) -> bool:
        """Whether the concurrency of the account is used up."""
        return self._faults.lasts("no-concurrency")

    def invoke(
        self,
        function: Function,
        event: Any,
        done: Callable[[Any, str | None], None],
        chain: Mapping[str, int] | None = None,
    ) -> None:
        """Run the handler; `done` hears its answer, or an error: an exception, a crash, a time-out."""
        kernel = self._kernel
        self._invocations += 1
        if self._faults.strikes("cold-start"):
            function.forget()
        container = function.idle.pop() if function.idle else Container.fresh(function.name)
        deadline = kernel.now + function.timeout
        outcome: list[tuple[Any, str | None]] = []

        def finish(response: Any, error: str | None) -> None:
            if not outcome:
                outcome.append((response, error))
                kernel.tell(process.name, f"ends{f': {error}' if error else ''}")
                done(response, error)

        def work() -> None:
            try:
                response, error = container.handler(event, _context(kernel, function, deadline)), None
            except KilledError:
                container.discard()
                kernel.count["crashes"] += 1
                kernel.after(1, lambda: finish(None, "crashed"))
                return
            except Exception as problem:  # noqa: BLE001 - as Lambda does
                response, error = None, f"{type(problem).__name__}: {str(problem)[:120]}"
            function.idle.append(container)
            kernel.after(1, lambda: finish(response, error))

        def time_out() -> None:
            if not outcome and not process.dead and not process.greenlet.dead:
                kernel.count["time-outs"] += 1
                kernel.kill(process)
                finish(None, "timed out")

        process = kernel.spawn(f"{function.name}-{self._invocations}", work)
        process.chain = chain or {}
        kernel.at(deadline, time_out)

    def invoke_later(self, function: Function, event: Any, discard: Callable[[str], None]) -> None:
        """An asynchronous invocation: tried three times, then its failure goes to a destination.

        Like everything that waits in a queue inside, the event may come late, or twice.
        """
        copies = 2 if self._faults.strikes("duplicate-event") else 1
        for _ in range(copies):
            delay = self._kernel.random.randint(1, 500)
            if self._faults.strikes("delayed-event"):
                delay = self._kernel.random.randint(1, HOUR)
            self._kernel.after(delay, lambda: self._attempt(function, event, discard, 1, self._kernel.now))

    def _attempt(
        self, function: Function, event: Any, discard: Callable[[str], None], number: int, begun: int
    ) -> None:
        kernel = self._kernel
        if self.is_throttled() and kernel.now - begun < EVENT_AGE:
            kernel.count["throttled events"] += 1
            kernel.after(EVENT_RETRY, lambda: self._attempt(function, event, discard, number, begun))
            return

        def done(_: Any, error: str | None) -> None:
            if error is None:
                return
            if number == 3:
                discard(
                    json.dumps(
                        {
                            "version": "1.0",
                            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
                            "requestPayload": event,
                            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
                            "responsePayload": {"errorMessage": error},
                        }
                    )
                )
                return
            kernel.after(number * MINUTE, lambda: self._attempt(function, event, discard, number + 1, begun))

        self.invoke(function, event, done)


class LambdaClient:
    """The client with which a function calls another one, asynchronously."""

    def __init__(self, gateway: Gateway, invoke_later: Callable[[str, Any], None]) -> None:
        self._gateway = gateway
        self._invoke_later = invoke_later

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> Any:
        assert InvocationType == "Event", InvocationType

        def apply() -> Any:
            self._invoke_later(FunctionName, json.loads(Payload))
            return {"StatusCode": 202}

        return self._gateway.call("lambda", "Invoke", FunctionName, apply, writes=True)


class EventSource:
    """Takes messages off a queue and hands them to a function; deletes those that succeeded."""

    def __init__(
        self, world_lambda: Lambda, sqs: SQS, url: str, function: Function, batch: int, concurrency: int
    ) -> None:
        self._lambda = world_lambda
        self._kernel = world_lambda._kernel
        self._sqs = sqs
        self._url = url
        self._function = function
        self._batch = batch
        self._concurrency = concurrency
        self._running = 0
        sqs.queues[url].notify = self._look_at

    def _look_at(self, moment: int) -> None:
        self._kernel.at(moment + self._kernel.random.randint(1, SECOND), self._poll)

    def _poll(self) -> None:
        while self._running < self._concurrency:
            messages = self._sqs.receive(self._url, self._batch)
            if not messages:
                return
            if self._lambda.is_throttled():
                # They come back when they are visible again, and SQS has counted that they were received.
                self._kernel.tell(
                    "sqs", f"** {self._url} is throttled: {', '.join(m.receipt for m in messages)}"
                )
                self._kernel.count["throttled messages"] += len(messages)
                continue
            self._running += 1
            self._kernel.tell("sqs", f"{self._url} delivers {', '.join(m.receipt for m in messages)}")
            chain = self._chain(messages)
            receipts = {message.id: message.receipt for message in messages}
            self._lambda.invoke(
                self._function,
                {"Records": [self._record(message) for message in messages]},
                lambda response, error, taken=receipts: self._done(taken, response, error),
                chain,
            )

    def _chain(self, messages: Sequence[Message]) -> Mapping[str, int]:
        """The calls in the longest chain that led to some messages, with this one."""
        name = self._function.name
        longest = max((message.chain for message in messages), key=lambda chain: chain.get(name, 0))
        calls = longest.get(name, 0) + 1
        if calls > LOOP and not self._function.may_loop:
            self._kernel.wrong(f"Lambda stopped {name}, called {calls} times in a chain of messages")
        return {**longest, name: calls}

    def _done(self, receipts: Mapping[str, str], response: Any, error: str | None) -> None:
        self._running -= 1
        self._kernel.count[f"failures of {self._function.name}"] += error is not None
        if error is None:
            failed = {each["itemIdentifier"] for each in (response or {}).get("batchItemFailures", [])}
            assert failed <= receipts.keys(), f"the function names messages that it was not given: {failed}"
            if failed:
                self._kernel.count["partial batches"] += len(failed) < len(receipts)
                self._kernel.count[f"failures of {self._function.name}"] += 1
            for message_id, receipt in receipts.items():
                if message_id not in failed:
                    self._sqs.delete(self._url, receipt)
        self._poll()

    def _record(self, message: Message) -> dict[str, Any]:
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.received),
                "SentTimestamp": str(message.sent),
                "SenderId": "000000000000",
                "ApproximateFirstReceiveTimestamp": str(message.first_received),
            },
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": ACCOUNT + self._url,
            "awsRegion": "us-east-1",
        }


class Container:
    """A function's code, loaded once more beside what other containers have of it.

    To load it takes milliseconds, so one that was discarded is used again: without what it had cached,
    it is as good as new.
    """

    _discarded: ClassVar[dict[str, list["Container"]]] = defaultdict(list)

    def __init__(self, name: str) -> None:
        folder = ROOT / "functions" / name
        beside = [path.stem for path in folder.glob("*.py") if path.stem != "app"]
        before = {each: sys.modules.pop(each) for each in beside if each in sys.modules}
        sys.path.insert(0, str(folder))
        app = ModuleType(f"simulated_{name}")
        app.__file__ = str(folder / "app.py")
        try:
            exec(_code(folder / "app.py"), app.__dict__)  # noqa: S102 - the product's own code
        finally:
            sys.path.remove(str(folder))
            own = [sys.modules.pop(each) for each in beside if each in sys.modules]
            sys.modules.update(before)
        self.name = name
        self.handler: Any = app.__dict__["handler"]
        self._modules = [app, *own]

    @classmethod
    def fresh(cls, name: str) -> "Container":
        """One that has cached nothing."""
        if not cls._discarded[name]:
            return cls(name)
        container = cls._discarded[name].pop()
        for module in container._modules:
            for each in vars(module).values():
                if hasattr(each, "cache_clear"):
                    each.cache_clear()
        return container

    def discard(self) -> None:
        self._discarded[self.name].append(self)


@cache
def _code(path: Path) -> CodeType:
    return compile(path.read_text(), str(path), "exec")


def _context(kernel: Kernel, function: Function, deadline: int) -> Any:
    return SimpleNamespace(
        function_name=function.name,
        memory_limit_in_mb=128,
        invoked_function_arn=f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}",
        aws_request_id="simulated",
        get_remaining_time_in_millis=lambda: max(0, deadline - kernel.now),
    )

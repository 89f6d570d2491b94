"""Bugs put into the product on purpose: the proof that the simulation would find them.

A bug is a change of a line or two in the source of a module. The changed module is compiled, and
the code of its functions takes the place of the real code until the end of the block, so whoever
imported a function before has the bug as well.
"""

import importlib
import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.simulation.faults import Storm
from tests.simulation.history import play

# The seed that finds each out. It may be another one after a change of the product: then the tests look
# for it, and `make simulate FIND=1` writes this file anew.
SEEDS_FILE = Path(__file__).with_name("planted_seeds.json")

# Module, the text that stands once in it, and what it becomes.
Change = tuple[str, str, str]

PLANTED: dict[str, tuple[Change, ...]] = {
    "forget the version condition": (
        (
            "rewards.adapters.accounts",
            '\'WHERE "pk"=? AND "sk"=? AND "version"=?\'',
            '\'WHERE "pk"=? AND "sk"=?\'',
        ),
        (
            "rewards.adapters.accounts",
            'item["pk"], item["sk"], read]',
            'item["pk"], item["sk"]]',
        ),
    ),
    "forget the version condition when moving to history": (
        (
            "rewards.adapters.accounts",
            'put["ConditionExpression"] = "version = :read"',
            'put["ConditionExpression"] = "version >= :read"',
        ),
    ),
    "record the redemption in a second write": (
        (
            "rewards.adapters.accounts",
            ("errors = self._execute([self._statement(item, version) for _, item, version in batch])"),
            (
                "self._execute([self._statement({**item, 'redemptions': {'S': '[]'}}, v) for _, "
                "item, v in batch])\n"
                "            errors = self._execute([self._statement(item, v + 1) for _, item, v in "
                "batch])"
            ),
        ),
    ),
    "treat a throttled statement as done": (
        (
            "rewards.adapters.accounts",
            "written[place] = error is None",
            "written[place] = error is None or error['Code'] not in CONDITIONS",
        ),
    ),
    "treat a failed condition as done": (
        (
            "rewards.adapters.accounts",
            "written[place] = error is None",
            "written[place] = error is None or error['Code'] in CONDITIONS",
        ),
    ),
    "stop a scan after its first page": (
        (
            "rewards.adapters.scanner",
            'if "LastEvaluatedKey" in found:',
            "if False:",
        ),
    ),
    "ignore UnprocessedKeys": (
        (
            "rewards.adapters.batch_get",
            'unread = response["UnprocessedKeys"].get(table, {}).get("Keys", [])',
            "unread = []",
        ),
    ),
    "claim a reward's id without a condition": (
        (
            "rewards.adapters.catalogue",
            '"ConditionExpression": "attribute_not_exists(id)"',
            "",
        ),
    ),
    "count a chunk twice": (
        (
            "rewards.adapters.jobs",
            '"leaseOwner = :me AND attribute_not_exists(counted)"',
            '"leaseOwner = :me"',
        ),
        (
            "rewards.adapters.jobs",
            '"attribute_not_exists(counted) AND "',
            '""',
        ),
    ),
    "count a chunk apart from saying so": (
        (
            "rewards.adapters.jobs",
            "self._client.transact_write_items(TransactItems=actions)",
            ("[self._client.transact_write_items(TransactItems=[each]) for each in reversed(actions)]"),
        ),
    ),
    "lose what send_message_batch did not take": (
        (
            "rewards.adapters.queues",
            ('for sent in response.get("Successful", []):\n                del waiting[sent["Id"]]'),
            "waiting = {}",
        ),
    ),
    "say that a refused email was sent": (
        (
            "rewards.adapters.mailer",
            "raise EmailNotSentError(str(error)) from error",
            "return ''",
        ),
    ),
    "work on a chunk that somebody else has": (
        (
            "rewards.flows.redeem",
            "if lease is Lease.TAKEN:",
            "if False:",
        ),
    ),
    "drop the message of a chunk that somebody else has": (
        (
            "rewards.flows.redeem",
            "if lease is Lease.TAKEN:",
            "if False:",
        ),
        (
            "rewards.flows.redeem",
            "if lease is not Lease.COUNTED:",
            "if lease in (Lease.FIRST, Lease.AGAIN):",
        ),
    ),
    "skip the look-up in history": (
        (
            "rewards.flows.redeem",
            "if needs_history(balance, since):",
            "if False:",
        ),
    ),
    "write a preview's redemptions": (
        (
            "rewards.flows.redeem",
            " and not chunk.dry_run:",
            ":",
        ),
    ),
    "count a chunk before its answers are kept": (
        (
            "rewards.flows.redeem",
            (
                "                self._files.put_part(chunk.import_id, "
                'part_name("chunk", chunk.number, owner), '
                "answers)\n"
            ),
            "",
        ),
        (
            "rewards.flows.redeem",
            (
                "self._jobs.count_chunk(\n"
                "                    chunk.import_id, chunk.number, owner, answers, expires, "
                "backoff, rejected\n"
                "                )\n"
            ),
            (
                "self._jobs.count_chunk(\n"
                "                    chunk.import_id, chunk.number, owner, answers, expires, "
                "backoff, rejected\n"
                "                )\n"
                "                self._files.put_part(chunk.import_id, "
                'part_name("chunk", chunk.number, owner), '
                "answers)\n"
            ),
        ),
    ),
    "finish before all chunks are counted": (
        (
            "rewards.flows.imports",
            'record["chunksDone"] == record["chunks"]',
            'record["chunksDone"] >= record["chunks"] - 1',
        ),
        (
            "rewards.flows.finish",
            'self._files.answers(import_id, "chunk", record["chunks"],',
            'self._files.answers(import_id, "chunk", record["chunksDone"],',
        ),
        (
            "rewards.flows.finish",
            'if answer is not None or rows != record["rows"] or answered != expected:',
            "if False:",
        ),
    ),
    "forget to ask for the finish when the last chunk was counted before": (
        (
            "rewards.flows.redeem",
            "        self._ask_to_finish_if_complete(chunk.import_id)",
            (
                "        if lease is not Lease.COUNTED:\n"
                "            self._ask_to_finish_if_complete(chunk.import_id)"
            ),
        ),
    ),
    "do not send again what a dead validation left": (
        (
            "rewards.flows.validate",
            "        self._uploads.continue_(import_id, record, backoff)\n",
            '        if record["status"] == "VALIDATING":\n'
            "            self._uploads.continue_(import_id, record, backoff)\n",
        ),
    ),
    "let twins of a file in": (
        (
            "rewards.flows.validate",
            "if not found.row_set.any_unidentified:",
            "if True:",
        ),
    ),
    "spend what has expired": (
        (
            "rewards.rules.redemption",
            "and (reward.date_expires is None or reward.date_expires > now)",
            "",
        ),
    ),
    "spend what is scheduled for later": (
        (
            "rewards.rules.redemption",
            "and (reward.date_scheduled_for is None or reward.date_scheduled_for <= now)",
            "",
        ),
    ),
    "spend what never expires first": (
        (
            "rewards.rules.redemption",
            "return (reward.date_expires is None,",
            "return (reward.date_expires is not None,",
        ),
    ),
    "forget a redemption on the way to history": (
        (
            "rewards.rules.balance",
            "redemptions=tuple(balance.redemptions[:-1])",
            "redemptions=tuple(balance.redemptions[1:-1])",
        ),
    ),
    "redeem a rowId once an import": (
        (
            "rewards.rules.balance",
            "if wanted.row_id is not None and redemption.row_id == wanted.row_id:",
            "if False:",
        ),
    ),
    "give back again on a retry": (
        (
            "rewards.rules.reversal",
            "changed = not redemption.reversed_by",
            "changed = True",
        ),
    ),
    "look whether an import is cancelled before its chunk is taken": (
        (
            "rewards.flows.redeem",
            "            # With the lease in hand: who cancels waits until it is given back.\n"
            "            refusal = refusal or self._cancelled(chunk.import_id)\n",
            "",
        ),
        (
            "rewards.flows.redeem",
            "        owner = token_hex(8)\n",
            "        owner = token_hex(8)\n        refusal = refusal or self._cancelled(chunk.import_id)\n",
        ),
    ),
    "cancel without waiting for the workers": (
        (
            "rewards.flows.imports",
            "while working:",
            "while False:",
        ),
    ),
    "keep the answer to a request without a condition": (
        (
            "rewards.adapters.idempotency",
            ', "ConditionExpression": "attribute_not_exists(pk)"',
            "",
        ),
    ),
    "report beside somebody who reports": (
        (
            "rewards.flows.report",
            "if not self._jobs.lease(export_id, owner, self._now(), self._now() + LEASE, EXPORT):",
            "if False:",
        ),
    ),
    "give an import up beside somebody who finishes it": (
        (
            "rewards.flows.finish",
            "if not self._jobs.lease(import_id, owner, self._now(), self._now() + LEASE):",
            "if False:",
        ),
        (
            "rewards.flows.finish",
            "update(IMPORT, import_id, {**ended, **changed}, status=status, dateCompleted=None)",
            'update(IMPORT, import_id, {"status": "COMPLETED", **ended, **changed})',
        ),
    ),
    "answer a retry as if somebody else had redeemed": (
        (
            "rewards.rules.balance",
            ("    if before.import_id == import_id and before.line == wanted.line:\n        # Our own"),
            ("    if False:\n        # Our own"),
        ),
    ),
    "say of a redeemed row that it was given up": (
        (
            "rewards.rules.balance",
            "    if before is not None:",
            "    if before is not None and refusal is None:",
        ),
    ),
    "round instead of cutting off": (
        (
            "rewards.rules.values",
            'int("0" + whole + kept)',
            'round(float("0" + whole + "." + fraction + "0") * 10**places)',
        ),
    ),
    "read a value as a binary float": (
        (
            "rewards.rules.values",
            'int("0" + whole + kept)',
            'int(float("0" + whole + "." + fraction + "0") * 10**places)',
        ),
    ),
}


# The weather in which some of them show, for they need a fault at the right moment; the others need none.
STORMS: dict[str, Storm] = {
    "treat a throttled statement as done": Storm({"partial": 0.5}),
    "claim a reward's id without a condition": Storm({"duplicate-message": 0.5}),
    "count a chunk twice": Storm({"duplicate-message": 0.5}),
    "count a chunk apart from saying so": Storm({"crashed": 0.05}, "redeem"),
    "lose what send_message_batch did not take": Storm({"partial": 0.5}),
    "ignore UnprocessedKeys": Storm({"partial": 0.5}),
    "say that a refused email was sent": Storm({"refused-email": 0.8}),
    "work on a chunk that somebody else has": Storm(
        {"duplicate-message": 0.5, "resurrected-message": 0.3, "stalled": 0.1, "crashed": 0.1}, "redeem"
    ),
    "drop the message of a chunk that somebody else has": Storm(
        {"duplicate-message": 0.5, "crashed": 0.1}, "redeem"
    ),
    "keep the answer to a request without a condition": Storm({"throttled": 0.1, "unanswered": 0.1}, "api"),
    "give back again on a retry": Storm({"unanswered": 0.3}, "redeem"),
    "cancel without waiting for the workers": Storm({"stalled": 0.2}, "redeem"),
    "look whether an import is cancelled before its chunk is taken": Storm({"stalled": 0.5}, "redeem"),
    "report beside somebody who reports": Storm({"duplicate-message": 0.5, "stalled": 0.2}),
    "give an import up beside somebody who finishes it": Storm(
        {"crashed": 0.1, "throttled": 0.2, "stalled": 0.1, "resurrected-message": 0.5}, "finish"
    ),
    "count a chunk before its answers are kept": Storm({"crashed": 0.1}, "redeem"),
    "forget to ask for the finish when the last chunk was counted before": Storm({"crashed": 0.1}, "redeem"),
    "do not send again what a dead validation left": Storm({"crashed": 0.1}, "validate"),
    "answer a retry as if somebody else had redeemed": Storm({"crashed": 0.1}, "redeem"),
    "say of a redeemed row that it was given up": Storm(
        {"crashed": 0.1, "throttled": 0.2, "unanswered": 0.2}, "redeem"
    ),
}


def find(name: str, seeds: Iterable[int]) -> int | None:
    """The first of some seeds that finds a planted bug out, and nothing without it."""
    storm = STORMS.get(name)
    for seed in seeds:
        with planted(name):
            problem = play(seed, storm).problem
        if problem and not play(seed, storm).problem:
            return seed
    return None


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Run a block with a bug of PLANTED, or with none."""
    kept: dict[FunctionType, CodeType] = {}
    try:
        for module, source in _changed_sources(name).items():
            codes = dict(_codes(compile(source, str(module.__file__), "exec")))
            for place, function in _functions(module):
                if place in codes:
                    kept[function] = function.__code__
                    function.__code__ = codes[place]
        yield
    finally:
        for function, code in kept.items():
            function.__code__ = code


def _changed_sources(name: str | None) -> dict[ModuleType, str]:
    sources: dict[ModuleType, str] = {}
    for module_name, before, after in PLANTED[name] if name else ():
        module = importlib.import_module(module_name)
        source = sources.get(module) or inspect.getsource(module)
        if source.count(before) != 1:
            raise LookupError(f"{name}: {before!r} stands {source.count(before)} times in {module_name}")
        sources[module] = source.replace(before, after)
    return sources


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    """Every function's code in a module's, by its qualified name."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_qualname, constant
            yield from _codes(constant)


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Every function and method of a module, by its qualified name."""
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__:
            for member in vars(value).values():
                yield from _function(member, module)
        else:
            yield from _function(value, module)


def _function(value: Any, module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    found = inspect.unwrap(getattr(value, "__func__", value)) if callable(value) else None
    if isinstance(found, FunctionType) and found.__module__ == module.__name__:
        yield found.__qualname__, found

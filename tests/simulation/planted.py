"""Bugs put into the product on purpose: the proof that the simulation would find them.

A bug is a change of a line or two in the source of a module. The changed module is compiled, and
the code of its functions takes the place of the real code until the end of the block, so whoever
imported a function before has the bug as well.
"""

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any


@dataclass(frozen=True)
class Bug:
    """Each text before stands once in the module's source, and becomes the text after; `seed` finds it out."""

    module: str
    changes: tuple[tuple[str, str], ...]
    seed: int


def _bug(module: str, before: str, after: str, seed: int, *more: tuple[str, str]) -> Bug:
    return Bug(f"rewards.{module}", ((before, after), *more), seed)


PLANTED: dict[str, Bug] = {
    "forget the version condition": _bug(
        "adapters.accounts",
        """'WHERE "pk"=? AND "sk"=? AND "version"=?'""",
        """'WHERE "pk"=? AND "sk"=?'""",
        0,
        ('item["pk"], item["sk"], read]', 'item["pk"], item["sk"]]'),
    ),
    "forget the version condition when moving to history": _bug(
        "adapters.accounts",
        'put["ConditionExpression"] = "version = :read"',
        'put["ConditionExpression"] = "version >= :read"',
        0,
    ),
    "record the redemption in a second write": _bug(
        "adapters.accounts",
        "errors = self._execute([self._statement(item, version) for _, item, version in batch])",
        "self._execute([self._statement({**item, 'redemptions': {'S': '[]'}}, v) for _, item, v in batch])\n"
        "            errors = self._execute([self._statement(item, v + 1) for _, item, v in batch])",
        0,
    ),
    "treat a throttled statement as done": _bug(
        "adapters.accounts",
        "written[place] = error is None",
        "written[place] = error is None or error['Code'] not in CONDITIONS",
        0,
    ),
    "treat a failed condition as done": _bug(
        "adapters.accounts",
        "written[place] = error is None",
        "written[place] = error is None or error['Code'] in CONDITIONS",
        0,
    ),
    "stop a scan after its first page": _bug(
        "adapters.accounts", 'if "LastEvaluatedKey" in response:', "if False:", 0
    ),
    "ignore UnprocessedKeys": _bug(
        "adapters.batch_get",
        'unread = response["UnprocessedKeys"].get(table, {}).get("Keys", [])',
        "unread = []",
        0,
    ),
    "claim a reward's id without a condition": _bug(
        "adapters.catalogue", '"ConditionExpression": "attribute_not_exists(id)"', "", 0
    ),
    "count a chunk twice": _bug(
        "adapters.jobs",
        '"leaseOwner = :me AND attribute_not_exists(counted)"',
        '"leaseOwner = :me"',
        0,
        ('"attribute_not_exists(counted) AND "', '""'),
    ),
    "count a chunk apart from saying so": _bug(
        "adapters.jobs",
        "self._client.transact_write_items(TransactItems=actions)",
        "[self._client.transact_write_items(TransactItems=[each]) for each in reversed(actions)]",
        0,
    ),
    "lose what send_message_batch did not take": _bug(
        "adapters.queues",
        'for sent in response.get("Successful", []):\n                del waiting[sent["Id"]]',
        "waiting = {}",
        0,
    ),
    "say that a refused email was sent": _bug(
        "adapters.mailer", "raise EmailNotSentError(str(error)) from error", "return ''", 0
    ),
    "work on a chunk that somebody else has": _bug(
        "flows.redeem",
        "if leased is False:",
        "if False:",
        0,
        ("if leased:", "if leased is not None:"),
    ),
    "drop the message of a chunk that somebody else has": _bug(
        "flows.redeem", "if leased is False:", "if False:", 0
    ),
    "let the next one go ahead while a write may be under way": _bug(
        "flows.redeem", "except UnknownOutcomeError:\n                raise", "except ZeroDivisionError:\n                raise", 0
    ),
    "skip the look-up in history": _bug("flows.redeem", "if needs_history(balance, since):", "if False:", 0),
    "write a preview's redemptions": _bug("flows.redeem", " and not chunk.dry_run:", ":", 0),
    "count a chunk before its answers are kept": _bug(
        "flows.redeem",
        '        self._files.put_part(chunk.import_id, part_name("chunk", chunk.number), answers)\n',
        "",
        0,
        (
            "self._jobs.count_chunk(chunk.import_id, chunk.number, owner, answers, expires, backoff)",
            "self._jobs.count_chunk(chunk.import_id, chunk.number, owner, answers, expires, backoff)\n"
            '        self._files.put_part(chunk.import_id, part_name("chunk", chunk.number), answers)',
        ),
    ),
    "finish before all chunks are counted": _bug(
        "flows.redeem", 'record["chunksDone"] == record["chunks"]', 'record["chunksDone"] >= record["chunks"] - 1', 0
    ),
    "forget to ask for the finish when the last chunk was counted before": _bug(
        "flows.redeem",
        "        self._ask_to_finish_if_complete(chunk.import_id)",
        "        if leased:\n            self._ask_to_finish_if_complete(chunk.import_id)",
        0,
    ),
    "do not send again what a dead validation left": _bug(
        "flows.validate",
        'if record["status"] == "VALIDATING" or (record["status"] == "PROCESSING" and not record["sent"]):',
        'if record["status"] == "VALIDATING":',
        0,
    ),
    "let twins of a file in": _bug("flows.validate", "if found.without_row_id:", "if False:", 0),
    "spend what has expired": _bug(
        "rules.redemption", "and (reward.date_expires is None or reward.date_expires > now)", "", 0
    ),
    "spend what is scheduled for later": _bug(
        "rules.redemption", "and (reward.date_scheduled_for is None or reward.date_scheduled_for <= now)", "", 0
    ),
    "spend what never expires first": _bug(
        "rules.redemption", "return (reward.date_expires is None,", "return (reward.date_expires is not None,", 0
    ),
    "forget a redemption on the way to history": _bug(
        "rules.balance", "redemptions=tuple(balance.redemptions[:-1])", "redemptions=tuple(balance.redemptions[1:-1])", 0
    ),
    "redeem a rowId once an import": _bug(
        "rules.balance", "if wanted.row_id is not None and redemption.row_id == wanted.row_id:", "if False:", 0
    ),
    "answer a retry as if somebody else had redeemed": _bug(
        "rules.balance",
        "    if before.import_id == import_id and before.line == wanted.line:\n        # Our own",
        "    if False:\n        # Our own",
        0,
    ),
    "say of a redeemed row that it was given up": _bug(
        "rules.balance", "    if before is not None:", "    if before is not None and refusal is None:", 0
    ),
    "round instead of cutting off": _bug(
        "rules.values",
        'int("0" + whole + fraction[:places].ljust(places, "0"))',
        'round(float("0" + whole + "." + fraction + "0") * 10**places)',
        0,
    ),
    "read a value as a binary float": _bug(
        "rules.values",
        'int("0" + whole + fraction[:places].ljust(places, "0"))',
        'int(float("0" + whole + "." + fraction + "0") * 10**places)',
        0,
    ),
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Run a block with a bug of PLANTED, or with none."""
    if name is None:
        yield
        return
    bug = PLANTED[name]
    module = importlib.import_module(bug.module)
    source = inspect.getsource(module)
    for before, after in bug.changes:
        if source.count(before) != 1:
            raise LookupError(f"{name}: {before!r} stands {source.count(before)} times in {bug.module}")
        source = source.replace(before, after)
    changed = dict(_codes(compile(source, str(module.__file__), "exec")))
    functions = dict(_functions(module))
    kept = {function: function.__code__ for function in functions.values()}
    for place, function in functions.items():
        if place in changed:
            function.__code__ = changed[place]
    try:
        yield
    finally:
        for function, code in kept.items():
            function.__code__ = code


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

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

from tests.simulation.faults import FaultProfile
from tests.simulation.history import play

# The seed that finds each out. It may be another one after a change of the product: then the tests look
# for it, and `make simulate FIND=1` writes this file anew.
SEEDS_FILE = Path(__file__).with_name("injected_bug_seeds.json")

# Module, the text that occurs once in it, and what it becomes.
Change = tuple[str, str, str]

INJECTED_BUGS: dict[str, tuple[Change, ...]] = {
    "write no receipt of a reversal": (
        (
            "rewards.domain.receipt",
            "effects = (Outcome.REDEEMED, Outcome.LOADED, Outcome.REVERSED)",
            "effects = (Outcome.REDEEMED, Outcome.LOADED)",
        ),
    ),
    "write no receipt of an import without results": (
        (
            "rewards.flows.finish_import",
            "            if parts is not None:\n",
            "            if parts is not None and 'error' not in changes:\n",
        ),
    ),
    "store the receipt apart from the end": (
        (
            "rewards.adapters.jobs_table",
            'return self.write_together([{"Update": update}, *actions])',
            (
                "return (not actions or self.write_together(actions)) and "
                'self.write_together([{"Update": update}])'
            ),
        ),
    ),
    "forget the condition on the head of the chain": (
        (
            "rewards.adapters.receipts",
            "        return [\n            put_if(",
            (
                "        return [{'Put': {name: each['Put'][name] for name in ('TableName', 'Item')}}"
                " for each in [\n            put_if("
            ),
        ),
        (
            "rewards.adapters.receipts",
            "new_head, **expected),\n        ]",
            "new_head, **expected),\n        ]]",
        ),
    ),
    "copy a receipt only when the import ends": (
        (
            "rewards.flows.finish_import",
            "        self._receipts.copy(job)\n",
            "",
        ),
        (
            "rewards.flows.finish_import",
            '                self._end(job, {"results": True})\n',
            '                self._end(job, {"results": True})\n'
            "                self._receipts.copy(self._jobs.get(import_id))\n",
        ),
    ),
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
            "                response = self._client.batch_execute_statement(Statements=statements)\n",
            (
                "                self._client.batch_execute_statement(Statements=[\n"
                "                    self._statement({**item, 'redemptions': {'S': '[]'}}, version)\n"
                "                    for _, item, version in batch])\n"
                "                statements = [self._statement(item, read + 1) for _, item, read in batch]\n"
                "                response = self._client.batch_execute_statement(Statements=statements)\n"
            ),
        ),
    ),
    "redeem a reference twice": (
        (
            "rewards.domain.balance",
            "    if paid is not None:\n        return _result_of_paid",
            "    if paid is not None and paid.value != request.value:\n        return _result_of_paid",
        ),
    ),
    "let a reversed redemption keep its reference": (
        (
            "rewards.domain.balance",
            "== payment and not each.reversed_by and each.date",
            "== payment and each.date",
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
    "treat a batch that was not sent as written": (
        (
            "rewards.adapters.accounts",
            "                continue  # not sent: the table is full\n",
            "                errors = [None] * len(batch)\n",
        ),
    ),
    "stop a scan after its first page": (
        (
            "rewards.adapters.scanner",
            "if found.last_evaluated_key:",
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
            "rewards.adapters.reward_registry",
            '"ConditionExpression": "attribute_not_exists(id)"',
            "",
        ),
    ),
    "count a chunk twice": (
        (
            "rewards.adapters.chunk_records",
            '"leaseOwner = :me AND attribute_not_exists(counted)"',
            '"leaseOwner = :me"',
        ),
        (
            "rewards.adapters.jobs_table",
            '"attribute_not_exists(counted) AND "',
            '""',
        ),
    ),
    "count a chunk apart from saying so": (
        (
            "rewards.adapters.chunk_records",
            "self._table.client.transact_write_items(TransactItems=actions)",
            "[self._table.client.transact_write_items(TransactItems=[each]) for each in reversed(actions)]",
        ),
    ),
    "lose what send_message_batch did not take": (
        (
            "rewards.adapters.queues",
            ('for sent in response.get("Successful", []):\n            del waiting[sent["Id"]]'),
            "waiting = {}",
        ),
    ),
    "say that a rejected email was sent": (
        (
            "rewards.adapters.mailer",
            'raise EmailNotSentError(str(error), error.response["Error"]["Code"]) from None',
            "return ''",
        ),
    ),
    "process a chunk that another worker has": (
        (
            "rewards.flows.process_chunk",
            "if lease is Lease.TAKEN:",
            "if False:",
        ),
    ),
    "drop the message of a chunk that another worker has": (
        (
            "rewards.flows.process_chunk",
            "if lease is Lease.TAKEN:",
            "if False:",
        ),
        (
            "rewards.flows.process_chunk",
            "if lease is not Lease.COUNTED:",
            "if lease in (Lease.FIRST, Lease.AGAIN):",
        ),
    ),
    "skip the look-up in history": (
        (
            "rewards.flows.process_chunk",
            "if needs_history(balance, since):",
            "if False:",
        ),
    ),
    "write a preview's redemptions": (
        (
            "rewards.flows.process_chunk",
            " and not chunk.dry_run:",
            ":",
        ),
    ),
    "count a chunk before its results are stored": (
        (
            "rewards.flows.process_chunk",
            (
                "                digest = self._files.put_part(chunk.import_id, part, results, "
                "_cells(job, results))\n"
            ),
            (
                "                import hashlib\n"
                "                from rewards.adapters.result_parts import encode_part\n"
            ),
        ),
        (
            "rewards.flows.process_chunk",
            (
                "self._chunks.count_chunk(\n"
                "                    chunk.import_id, chunk.number, owner, results, "
                "digest, self._now(), backoff, rejected\n"
                "                )\n"
            ),
            (
                "self._chunks.count_chunk(\n"
                "                    chunk.import_id, chunk.number, owner, results, "
                "hashlib.sha256(encode_part(results, _cells(job, results))).hexdigest(), "
                "self._now(), backoff, rejected\n"
                "                )\n"
                "                self._files.put_part(chunk.import_id, part, results, "
                "_cells(job, results))\n"
            ),
        ),
    ),
    "finish before all chunks are counted": (
        (
            "rewards.domain.import_job",
            "self.chunks_done == self.chunks",
            "self.chunks_done >= self.chunks - 1",
        ),
        (
            "rewards.flows.write_results",
            "last = job.chunks if following",
            "last = job.chunks_done if following",
        ),
        (
            "rewards.flows.write_results",
            "if rows != job.rows or used != expected:",
            "if False:",
        ),
    ),
    "forget to ask for the finish when the last chunk was counted before": (
        (
            "rewards.flows.process_chunk",
            "        self._ask_to_finish_if_complete(chunk.import_id)",
            (
                "        if lease is not Lease.COUNTED:\n"
                "            self._ask_to_finish_if_complete(chunk.import_id)"
            ),
        ),
    ),
    "do not send the chunks that a failed validation left": (
        (
            "rewards.flows.validate_import",
            "        self._uploads.continue_(job, backoff)\n",
            "        if job.status is ImportStatus.VALIDATING:\n"
            "            self._uploads.continue_(job, backoff)\n",
        ),
    ),
    "resume an import without sending its chunks again": (
        (
            "rewards.flows.resume_import",
            'changes |= {"sent": False, "sent_files": 0}',
            "pass",
        ),
    ),
    "do not send a chunk again that a worker had": (
        (
            "rewards.adapters.chunk_records",
            'items = self._chunks(import_id, "attribute_exists(counted)")',
            'items = self._chunks(import_id, "attribute_exists(leaseOwner)")',
        ),
    ),
    "do not resume an import that is validated": (
        (
            "rewards.domain.import_job",
            "        if self.status is ImportStatus.VALIDATING:\n            return Step.VALIDATE\n",
            "        if self.status is ImportStatus.VALIDATING:\n            return None\n",
        ),
    ),
    "forget an email whose message is lost": (
        (
            "rewards.domain.import_job",
            "return is_due and self.date_mailed is None and self.mail_error is None",
            "return False",
        ),
    ),
    "let a requester approve": (
        (
            "rewards.domain.approvers",
            "return any(own.intersection(_names(text)) for text in texts if text)",
            "return False",
        ),
    ),
    "release another content than was sealed": (
        (
            "rewards.flows.approve_import",
            '"sent": False,',
            '"sent": False,\n                "sent_files": 1,',
        ),
    ),
    "send chunks before the approval": (
        (
            "rewards.domain.import_job",
            "is_open = self.status in (ImportStatus.PROCESSING, ImportStatus.CANCELLED)\n        has_begun",
            "is_open = self.status not in (ImportStatus.PENDING, ImportStatus.VALIDATING)\n        has_begun",
        ),
    ),
    "end a cancelled import that waited by its chunks": (
        (
            "rewards.flows.imports",
            "completed = None if job.is_sealed and not job.awaits_approval else self._now()",
            "completed = None if job.is_sealed else self._now()",
        ),
    ),
    "import a duplicate file": (
        (
            "rewards.flows.validate_import",
            "if not found.row_set.any_unidentified:",
            "if True:",
        ),
    ),
    "redeem what has expired": (
        (
            "rewards.domain.redemption",
            "and (reward.date_expires is None or reward.date_expires > now)",
            "",
        ),
    ),
    "redeem what is scheduled for later": (
        (
            "rewards.domain.redemption",
            "and (reward.date_scheduled_for is None or reward.date_scheduled_for <= now)",
            "",
        ),
    ),
    "redeem what never expires first": (
        (
            "rewards.domain.redemption",
            "return (reward.date_expires is None,",
            "return (reward.date_expires is not None,",
        ),
    ),
    "forget a redemption on the way to history": (
        (
            "rewards.domain.balance",
            "redemptions=tuple(balance.redemptions[:-1])",
            "redemptions=tuple(balance.redemptions[1:-1])",
        ),
    ),
    "redeem a rowId once an import": (
        (
            "rewards.domain.balance",
            "if request.row_id is not None and redemption.row_id == request.row_id:",
            "if False:",
        ),
    ),
    "return a value again on a retry": (
        (
            "rewards.domain.reversal",
            "changed = not redemption.reversed_by",
            "changed = True",
        ),
    ),
    "check for a cancellation before the chunk is leased": (
        (
            "rewards.flows.process_chunk",
            (
                "        cancelled = _cancelled(job, chunk.import_id)\n"
                "        stop_reason = stop_reason or cancelled\n"
            ),
            "",
        ),
        (
            "rewards.flows.process_chunk",
            "        owner = token_hex(8)\n",
            (
                "        owner = token_hex(8)\n"
                "        job = self._jobs.get(chunk.import_id)\n"
                "        stop_reason = stop_reason or _cancelled(job, chunk.import_id)\n"
            ),
        ),
    ),
    "cancel without waiting for the workers": (
        (
            "rewards.flows.imports",
            "while working:",
            "while False:",
        ),
    ),
    "store the response to a request without a condition": (
        (
            "rewards.adapters.idempotency",
            ', "ConditionExpression": "attribute_not_exists(pk)"',
            "",
        ),
    ),
    "report what expires before the asked moment": (
        (
            "rewards.adapters.balance_item",
            "if until is not None and until > later:",
            "if False:",
        ),
    ),
    "create a report beside another worker": (
        (
            "rewards.flows.create_report",
            "if not self._jobs.lease(export_id, owner, self._now(), self._now() + leases.EXPORT):",
            "if False:",
        ),
    ),
    "fail an import beside a worker that finishes it": (
        (
            "rewards.flows.finish_import",
            "if not self._jobs.lease(import_id, owner, self._now(), self._now() + leases.FINISH):",
            "if False:",
        ),
        (
            "rewards.flows.finish_import",
            "update(job.id, ended, actions, status=ending.status, date_completed=None)",
            (
                "_table.update_together('IMPORT', job.id, "
                "__import__('rewards.adapters.job_items', fromlist=['attributes']).attributes(ended), "
                "actions)"
            ),
        ),
    ),
    "treat a retry as another import's redemption": (
        (
            "rewards.domain.balance",
            ("    if before.import_id == import_id and before.line == request.line:\n        # Our own"),
            ("    if False:\n        # Our own"),
        ),
    ),
    "report a redeemed row as not processed": (
        (
            "rewards.domain.balance",
            "    if before is not None:",
            "    if before is not None and stop_reason is None:",
        ),
    ),
    "give up a chunk that workers did not fail with": (
        (
            "rewards.flows.dead_letters",
            "return pending is not None and pending.workers < _FAILURES",
            "return False",
        ),
    ),
    "do not allow the loop of a worker that requeues": (
        (
            "tests.simulation.world",
            'Function("redeem", 2 * MINUTE, may_loop=True)',
            'Function("redeem", 2 * MINUTE)',
        ),
    ),
    "redeem a file without its control totals": (
        (
            "rewards.flows.validate_import",
            "            check_totals(job.expected, found.rows_with_value, found.totals)\n",
            "",
        ),
    ),
    "ignore control totals that cannot be read": (
        (
            "rewards.flows.uploaded_imports",
            '            return replace(job, expected=read_expected(metadata["expected"]))\n'
            "        except ValueError as error:\n",
            '            return replace(job, expected=read_expected(metadata["expected"]))\n'
            "        except ValueError as error:\n"
            "            return job\n",
        ),
    ),
    "round instead of cutting off": (
        (
            "rewards.domain.values",
            'int("0" + whole + kept)',
            'round(float("0" + whole + "." + fraction + "0") * 10**places)',
        ),
    ),
    "read a value as a binary float": (
        (
            "rewards.domain.values",
            'int("0" + whole + kept)',
            'int(float("0" + whole + "." + fraction + "0") * 10**places)',
        ),
    ),
    "put groups together in the wrong order": (
        (
            "rewards.flows.write_results",
            "keys = [group_key(job.id, number, RESULTS) for number in numbers]",
            "keys = [group_key(job.id, number, RESULTS) for number in reversed(numbers)]",
        ),
    ),
}


# The fault profiles that show some of them: these need a fault at the right moment.
FAULT_PROFILES: dict[str, FaultProfile] = {
    "treat a throttled statement as done": FaultProfile({"partial": 0.5}),
    "treat a batch that was not sent as written": FaultProfile({"partial": 0.5}),
    "claim a reward's id without a condition": FaultProfile({"duplicate-message": 0.5}),
    "count a chunk twice": FaultProfile({"duplicate-message": 0.5, "resurrected-message": 0.3}),
    "count a chunk apart from saying so": FaultProfile({"crashed": 0.05}, "redeem"),
    "lose what send_message_batch did not take": FaultProfile({"partial": 0.5}),
    "ignore UnprocessedKeys": FaultProfile({"partial": 0.5}),
    "say that a rejected email was sent": FaultProfile({"rejected-email": 0.8}),
    "process a chunk that another worker has": FaultProfile(
        {"duplicate-message": 0.5, "resurrected-message": 0.3, "stalled": 0.1, "crashed": 0.1}, "redeem"
    ),
    "drop the message of a chunk that another worker has": FaultProfile(
        {"duplicate-message": 0.5, "crashed": 0.1}, "redeem"
    ),
    "store the response to a request without a condition": FaultProfile(
        {"throttled": 0.1, "unanswered": 0.1}, "api"
    ),
    "return a value again on a retry": FaultProfile({"unanswered": 0.3}, "redeem"),
    "cancel without waiting for the workers": FaultProfile({"stalled": 0.2}, "redeem"),
    "check for a cancellation before the chunk is leased": FaultProfile({"stalled": 0.5}, "redeem"),
    "create a report beside another worker": FaultProfile({"duplicate-message": 0.5, "stalled": 0.2}),
    "fail an import beside a worker that finishes it": FaultProfile(
        {"crashed": 0.1, "throttled": 0.2, "stalled": 0.1, "resurrected-message": 0.5}, "finish"
    ),
    "count a chunk before its results are stored": FaultProfile({"crashed": 0.1}, "redeem"),
    "forget to ask for the finish when the last chunk was counted before": FaultProfile(
        {"crashed": 0.1}, "redeem"
    ),
    "do not send the chunks that a failed validation left": FaultProfile({"crashed": 0.1}, "validate"),
    "treat a retry as another import's redemption": FaultProfile({"crashed": 0.1}, "redeem"),
    "resume an import without sending its chunks again": FaultProfile({"purged-queue": 0.1}),
    "do not send a chunk again that a worker had": FaultProfile({"purged-queue": 0.1, "crashed": 0.1}),
    "do not resume an import that is validated": FaultProfile({"purged-queue": 0.1, "crashed": 0.2}),
    "forget an email whose message is lost": FaultProfile({"purged-queue": 0.2}),
    "give up a chunk that workers did not fail with": FaultProfile({"no-concurrency": 0.2}),
    "do not allow the loop of a worker that requeues": FaultProfile({"busy-table": 0.004}),
    "report a redeemed row as not processed": FaultProfile(
        {"crashed": 0.1, "throttled": 0.2, "unanswered": 0.2}, "redeem"
    ),
}


def find(name: str, seeds: Iterable[int]) -> int | None:
    """The first of some seeds that finds an injected bug, and nothing without it."""
    profile = FAULT_PROFILES.get(name)
    for seed in seeds:
        with injected(name):
            problem = play(seed, profile).problem
        if problem and not play(seed, profile).problem:
            return seed
    return None


@contextmanager
def injected(name: str | None) -> Iterator[None]:
    """Run a block with a bug of INJECTED_BUGS, or with none."""
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
    for module_name, before, after in INJECTED_BUGS[name] if name else ():
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
    value = value.fget if isinstance(value, property) else value
    found = inspect.unwrap(getattr(value, "__func__", value)) if callable(value) else None
    if isinstance(found, FunctionType) and found.__module__ == module.__name__:
        yield found.__qualname__, found

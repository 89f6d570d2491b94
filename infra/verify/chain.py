"""The chain of receipts in the table `Jobs`, and the receipts that a restore of the table lost.

A receipt contains the digest of the one before it, and until when that one is kept. So every receipt that was
changed, added or left out is found, from the oldest one kept to the head.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.check_tables.findings import Finding, State
from rewards.adapters.parallel import read_ahead
from rewards.bootstrap import Flows
from rewards.domain.object_keys import receipt_key
from rewards.domain.receipt import ChainHead, Receipt, read_receipt

_KEPT_AT_LEAST = 90 * 86_400_000  # the least of EvidenceDays, in milliseconds


@dataclass
class Chain:
    """Checks the receipts that are stored, in order. `first` and `last` are known once it has."""

    flows: Flows
    first: Receipt | None = None
    last: Receipt | None = None
    imports: set[str] = field(default_factory=set)

    def check(self) -> Iterator[Finding | Receipt]:
        """Yield each receipt that is kept and can be read, and what is wrong with the chain."""
        now = self.flows.now()
        for receipt in self.flows.receipts.all():
            if receipt.kept_until <= now:
                continue  # it is deleted within two days
            yield from map(_wrong(receipt), self._problems(receipt, now))
            self.first, self.last = self.first or receipt, receipt
            self.imports.add(receipt.import_id)
            if _content(receipt) is not None:
                yield receipt
        yield from self._check_head(now)

    def _problems(self, receipt: Receipt, now: int) -> Iterator[str]:
        content = _content(receipt)
        if content is None:
            yield "its text is not a receipt"
            return
        said = content["sequence"], content["importId"], content["keptUntil"]
        if said != (receipt.sequence, receipt.import_id, receipt.kept_until):
            yield "its text is that of another receipt"
        previous, before = content["previous"], self.last
        if before is not None and receipt.sequence != before.sequence + 1:
            yield f"the receipts between number {before.sequence} and this one are missing"
        elif before is not None and (previous or {}).get("digest") != before.digest:
            yield f"receipt {before.sequence} was changed, or this one does not follow it"
        elif before is None and previous is None and receipt.sequence != 1:
            yield "it names no receipt before it"
        elif before is None and previous is not None and previous["keptUntil"] > now:
            yield f"receipt {receipt.sequence - 1} is missing"

    def _check_head(self, now: int) -> Iterator[Finding]:
        head, last = self.flows.receipts.head(), self.last
        subject = "the head of the chain"
        if last is not None and head != last.head:
            named = "no receipt" if head is None else f"receipt {head.sequence}, SHA-256 {head.digest}"
            text = f"it names {named}; the last receipt is {last.sequence}, SHA-256 {last.digest}"
            yield Finding(State.WRONG, subject, text)
        elif last is None and head is not None and head.kept_until > now:
            yield Finding(State.WRONG, subject, f"it names receipt {head.sequence}, which is missing")


@dataclass
class LostReceipts:
    """Finds copies of receipts that the table does not have: a restore of the table lost them.

    The next receipts would get their numbers, so with `repair` they are put back. This is possible as long
    as no import has ended since.
    """

    flows: Flows
    repair: bool

    def check(self, chain: Chain | None = None) -> Iterator[Finding]:
        """Yield what was lost; `chain` is one that was checked."""
        if chain is None:
            chain = Chain(self.flows)
            for _ in chain.check():
                pass
        lost = []
        now = self.flows.now()
        yield from self._named(chain, now)
        for copy in self._copies(chain.imports):
            if isinstance(copy, Finding):
                yield copy
            elif copy.kept_until <= now:
                continue
            elif chain.last is None or copy.sequence > chain.last.sequence:
                lost.append(copy)
            elif chain.first is not None and copy.sequence >= chain.first.sequence:
                yield _wrong(copy)(
                    f"another import has this number, but {receipt_key(copy.import_id)} is there: a restore "
                    "lost the receipt, and imports ended before it was put back"
                )
            else:
                yield _wrong(copy)(f"it is missing, but {receipt_key(copy.import_id)} is there")
        yield from self._put_back(sorted(lost, key=lambda each: each.sequence))

    def _named(self, chain: Chain, now: int) -> Iterator[Finding]:
        """Receipts that the record of an import names, of which neither the chain nor a copy is there."""
        first = chain.first.sequence if chain.first is not None else 1
        for import_id in self._imports():
            if import_id in chain.imports or self.flows.files.exists(receipt_key(import_id)):
                continue
            job = self.flows.import_jobs.get(import_id)
            if job is None or job.receipt is None or job.receipt.sequence < first:
                continue  # without a chain, all receipts may have expired
            if chain.first is not None or now < (job.date_completed or 0) + _KEPT_AT_LEAST:
                subject = f"receipt {job.receipt.sequence} (import {import_id})"
                yield Finding(State.WRONG, subject, "the record of the import names it, but it is missing")

    def _put_back(self, lost: list[Receipt]) -> Iterator[Finding]:
        head = self.flows.receipts.head()
        for receipt in lost:
            if not _follows(receipt, head):
                text = f"{receipt_key(receipt.import_id)} does not follow the head of the chain"
                yield _wrong(receipt)(text)
                continue
            state = State.REPAIR
            if self.repair:
                if not self.flows.receipts.extend(receipt, head):
                    yield _wrong(receipt)("another receipt was added meanwhile. Stop all changes first")
                    return
                name_receipt(self.flows, receipt)
                state = State.REPAIRED
            text = f"it is missing, but {receipt_key(receipt.import_id)} follows the head of the chain"
            yield Finding(state, _subject(receipt), text)
            head = receipt.head

    def _copies(self, known: set[str]) -> Iterator[Receipt | Finding]:
        """The copies of receipts of other imports than those that are known."""
        for found in read_ahead(self._copy, (each for each in self._imports() if each not in known)):
            if found is not None:
                yield found

    def _copy(self, import_id: str) -> Receipt | Finding | None:
        key = receipt_key(import_id)
        body = self.flows.files.get(key)
        try:
            return None if body is None else read_receipt(body.decode())
        except ValueError:
            return Finding(State.WRONG, key, "it is not a receipt")

    def _imports(self) -> Iterator[str]:
        """The imports of which there is evidence."""
        pages = self.flows.client("s3").get_paginator("list_objects_v2")
        bucket = self.flows.settings.files_bucket
        for page in pages.paginate(Bucket=bucket, Prefix="evidence/", Delimiter="/"):
            for each in page.get("CommonPrefixes", ()):
                yield each["Prefix"].split("/")[1]


def name_receipt(flows: Flows, receipt: Receipt) -> None:
    """Let the record of an import, if there is one, name its receipt, so that it gets no other one."""
    flows.import_jobs.update(receipt.import_id, {"receipt": receipt.ref}, receipt=None)


def _follows(receipt: Receipt, head: ChainHead | None) -> bool:
    content = _content(receipt) or {}
    named = content.get("previous")
    if head is None:
        return receipt.sequence == 1 and named is None
    return receipt.sequence == head.sequence + 1 and (named or {}).get("digest") == head.digest


def _content(receipt: Receipt) -> dict[str, Any] | None:
    """What a receipt says, or None if its text is not a receipt."""
    try:
        read_receipt(receipt.text)
        content: dict[str, Any] = json.loads(receipt.text)
    except ValueError:
        return None
    return content


def _subject(receipt: Receipt) -> str:
    return f"receipt {receipt.sequence} (import {receipt.import_id})"


def _wrong(receipt: Receipt) -> Callable[[str], Finding]:
    return lambda text: Finding(State.WRONG, _subject(receipt), text)

"""The auditor: says at the end whether what the system did was right. It shares no code with the product.

The ledger model adds up, every row of every file has its one right outcome, every import ended, and
somebody was told. What must hold at every write is in ledger_model.py.
"""

import json
import re
from collections import Counter
from hashlib import sha256
from itertools import combinations
from typing import Any
from urllib.parse import unquote_plus

from tests.simulation import ledger
from tests.simulation.ledger import Line
from tests.simulation.ledger_model import LedgerModel, Upload, sort_key
from tests.simulation.world import FILES, UPLOADS

SETTLED = {"REDEEMED", "LOADED", "UNCHANGED", "ALREADY_REDEEMED", "REVERSED", "ALREADY_REVERSED"}
OURS = ["line", "importId", "outcome", "redeemedValue", "remainingValue", "message"]
DAY = 86_400_000
REPEAT_WINDOW = 35 * DAY


class Auditor(LedgerModel):
    """Its ledger model, and what they are for."""

    def check_end(self) -> None:
        for url, queue in self._world.sqs.queues.items():
            self._must(not queue.messages, f"{url} is not empty: {list(queue.messages.values())[:2]}")
        self._check_ledger_model()
        self._check_uploads()
        for export_id in sorted(self.exports):
            self._check_export(export_id)
        self._check_receipts()
        self._check_links()

    def unfinished(self) -> list[tuple[str, str, bool]]:
        """Jobs that have not ended, or whose email is missing: kind, id, and whether it has ended."""
        found = []
        for pk, sk in sorted(self._world.dynamodb.tables["jobs"].items):
            kind, _, identifier = pk.partition("#")
            if kind in ("IMPORT", "EXPORT") and sk == "META":
                record = self.record(kind, identifier)
                is_ended = bool(record["dateCompleted"])
                if record["status"] == "AWAITING_APPROVAL":
                    continue  # people have to decide about it, not the sweep
                if not is_ended or not (record.get("dateMailed") or record.get("mailError")):
                    found.append((kind, identifier, is_ended))
        return found

    def check_given_up(self, kind: str, identifier: str) -> None:
        """People have to help only where the sweep has tried three times.

        An export that was not created within a day counts as aborted, so the sweep leaves it: nobody ran the
        sweep in time.
        """
        record = self.record(kind, identifier)
        is_over = kind == "EXPORT" and self._kernel.now >= record["dateCreated"] + DAY
        if is_over and not record["dateCompleted"]:
            return
        tries = record.get("resumes", 0)
        self._must(tries == 3, f"the sweep has not resumed {kind} {identifier}, only {tries} times")

    def _check_ledger_model(self) -> None:
        """Given = redeemed + expired + cancelled + left, by reward and by balance."""
        total = 0
        for key, past in self._past.items():
            now = past[-1][1]
            self._must(
                now == ledger.stored(self._world.dynamodb.tables["accounts"].items[key[0], sort_key(key)]),
                f"{key} was written behind the auditor's back",
            )
            whole = self._whole(key, now, self._pages[key])
            taken: Counter[int] = Counter()
            for spent in whole.spent:
                for number, part in spent.parts:
                    taken[number] += 0 if spent.reversed_by else part
            for number, reward in whole.rewards.items():
                left = self._first[reward.id].left - taken[number]
                self._must(left == reward.left >= 0, f"{key}: {reward} should have {left} left")
            known = [spent for owner, spent, _ in self._spent.values() if owner == key] + self._debits[key]
            self._must(
                {(each.import_id, each.line, each.value) for each in known}
                == {(each.import_id, each.line, each.value) for each in whole.spent},
                f"{key}: redemptions on record differ from those that were made",
            )
            total += len(whole.rewards)
        self._must(total == len(self._granted), "rewards were lost")
        units = {key[2] for key in self._past}
        self._must(ledger.MISSPELT not in units, f"a misspelt unit has balances: {units}")
        self._check_blocked()
        claims = self._world.dynamodb.tables["rewards"].items
        self._must({name for (name,) in claims} == self._granted.keys(), "claims and rewards differ")

    def _check_blocked(self) -> None:
        """All balances of a blocked participant are marked, and no others."""
        items = self._world.dynamodb.tables["accounts"].items
        for key in self._past:
            participant = items.get((key[0], f"P#{key[1]}"), {})
            marked = "blocked" in items[key[0], sort_key(key)]
            self._must(marked == ("dateBlocked" in participant), f"{key}: marked {marked}, {participant}")
            self._kernel.count["blocked balances"] += marked

    def _check_uploads(self) -> None:
        """Every upload became exactly one import, and that ended."""
        made: Counter[tuple[str, str]] = Counter()
        for pk, sk in sorted(self._world.dynamodb.tables["jobs"].items):
            if pk.startswith("IMPORT#") and sk == "META":
                record = self.record("IMPORT", pk.removeprefix("IMPORT#"))
                made[record["key"], record["versionId"]] += not record.get("reverses")
                self._check_import(pk.removeprefix("IMPORT#"), record)
        self._check_repetitions()
        objects = self._world.s3.buckets[UPLOADS].objects
        expected = {(key, version.id): 1 for key, versions in objects.items() for version in versions}
        for lost in self._lost_uploads() - made.keys():
            del expected[lost]
        self._must(made == expected, f"uploads and imports differ: {made} instead of {expected}")

    def _lost_uploads(self) -> set[tuple[str, str]]:
        """Uploads whose validation failed and whose dead letter was purged: they may have no import."""
        failed = [
            body["requestPayload"] for body in map(json.loads, self._world.sqs.purged) if "kind" not in body
        ]
        objects = [record["s3"]["object"] for event in failed for record in event["Records"]]
        return {(unquote_plus(each["key"]), each["versionId"]) for each in objects}

    def _import_ids(self) -> list[str]:
        keys = self._world.dynamodb.tables["jobs"].items
        return [pk.removeprefix("IMPORT#") for pk, sk in keys if pk.startswith("IMPORT#") and sk == "META"]

    def _check_import(self, import_id: str, record: dict[str, Any]) -> None:
        described = f"import {import_id} ({record['key']})"
        upload = self._upload(import_id)
        status, error = record["status"], record["error"]
        self._must(status in ("COMPLETED", "ABORTED", "CANCELLED"), f"{described} never ended: {status}")
        self._kernel.count[f"import {status}"] += 1
        self._kernel.count["import resumed"] += "dateResumed" in record
        self._must(record["dateCompleted"], f"{described} has no end")
        self._check_mail(import_id, record, described)
        mine = {line: found for (owner, line), found in self._spent.items() if owner == import_id}
        if self._has_ended_waiting(import_id, record, described):
            return
        if status == "ABORTED":
            self._must(not mine, f"{described} was rejected, but redeemed lines {sorted(mine)}")
            self._check_rejection(upload, error["code"], described)
            return
        if record.get("reverses"):
            self._check_reversal(import_id, upload, record, described)
            return
        if status == "CANCELLED" and not record["rows"]:  # before it was read
            self._must(not mine, f"{described} was cancelled unread, but redeemed lines {sorted(mine)}")
            return
        self._check_counts(upload, record, mine, described)
        if record.get("results"):
            self._must(error is None, f"{described} has its results and an error: {error}")
            self._check_results(upload, record, mine, described)
        else:
            self._must(
                error and error["code"] == "RESULTS_FAILED", f"{described} has neither results nor an error"
            )
            self._must(self._kernel.count["dead letters"], f"{described}: {error} without a dead letter")

    def _check_receipts(self) -> None:
        """Each import that changed something has one receipt, no other has any, and they are one chain."""
        items = self._world.dynamodb.tables["jobs"].items
        stored = {sk: item for (pk, sk), item in sorted(items.items()) if pk == "RECEIPTS"}
        chain = {
            sk: {name: ledger.attribute(value) for name, value in item.items()} for sk, item in stored.items()
        }
        head: dict[str, Any] = chain.pop("HEAD", {"sequence": 0, "digest": None})
        before = None
        owners = []
        for number, (sk, item) in enumerate(chain.items(), start=1):
            said = json.loads(item["text"])
            about = f"receipt {sk}"
            self._must(sk == f"{number:012d}" and said["sequence"] == number, f"{about} is out of order")
            previous = said["previous"] and said["previous"]["digest"]
            self._must(previous == before, f"{about} names {previous}, the one before it is {before}")
            before = sha256(item["text"].encode()).hexdigest()
            import_id = said["importId"]
            owners.append(import_id)
            self._check_receipt(import_id, said, item["text"], {"sequence": number, "digest": before})
        self._must(
            (head["sequence"], head["digest"]) == (len(chain), before), f"the head of the chain is {head}"
        )
        changed = [each for each in self._import_ids() if self._changed_something(each)]
        self._must(
            sorted(owners) == sorted(changed), f"receipts of {owners}, and {changed} changed something"
        )
        self._kernel.count["receipts"] += len(chain)

    def _changed_something(self, import_id: str) -> bool:
        record = self.record("IMPORT", import_id)
        return not record["dryRun"] and bool(record["outcomes"].keys() & {"REDEEMED", "LOADED", "REVERSED"})

    def _check_receipt(self, import_id: str, said: dict[str, Any], text: str, ref: dict[str, Any]) -> None:
        record = self.record("IMPORT", import_id)
        about = f"receipt of {import_id}"
        self._must(record.get("receipt") == ref, f"{about}: the record names {record.get('receipt')}")
        same = ("status", "outcomes", "requested", "redeemed", "rejected", "dateCreated", "dateCompleted")
        for name in same:
            self._must(said[name] == record[name], f"{about}: {name} is {said[name]}, not {record[name]}")
        copied = self._world.s3.newest(FILES, f"evidence/{import_id}/receipt.json")
        self._must(copied == text.encode(), f"{about}: its copy is {copied!r}")
        versions = self._world.s3.buckets[UPLOADS].objects[record["key"]]
        (body,) = [version.body for version in versions if version.id == record["versionId"]]
        blocks = sha256(sha256(body).digest()).hexdigest()  # all files are smaller than a block
        self._must(said["upload"]["digest"] == blocks, f"{about}: {said['upload']} has digest {blocks}")
        items = self._world.dynamodb.tables["jobs"].items
        whole = sha256()
        for (pk, sk), item in sorted(items.items()):
            if pk == f"IMPORT#{import_id}" and sk.startswith("CHUNK#"):
                part = f"{sk.replace('CHUNK#', 'chunk-')}-{item['attempt']['S']}"
                stored = self._world.s3.newest(FILES, f"evidence/{import_id}/parts/{part}.jsonl")
                whole.update(sha256(stored or b"").digest())
        self._must(said["parts"]["digest"] == whole.hexdigest(), f"{about}: parts have another digest")

    def _has_ended_waiting(self, import_id: str, record: dict[str, Any], described: str) -> bool:
        """Whether an import ended while it awaited approval; then nothing came of it.

        Nobody who asked for an import decides about it.
        """
        approval = record.get("approval") or {"required": False}
        if not approval["required"]:
            self._must(self._may_pass(record), f"{described} needed approval by {self._world.rule}")
            return False
        self._must(self._world.rule != "never", f"{described} needs approval without a rule")
        self._must(
            approval["approver"] in (None, "carol@example.com"),
            f"{described} was decided by {approval['approver']}, who gets its email",
        )
        if approval["date"] is not None and approval["reason"] is None:
            self._kernel.count["import approved"] += 1
            return False
        status, code = record["status"], (record["error"] or {}).get("code")
        ends = ("ABORTED", "APPROVAL_REJECTED"), ("ABORTED", "APPROVAL_EXPIRED"), ("CANCELLED", None)
        self._must((status, code) in ends, f"{described} was not approved, and ended {status} {code}")
        self._kernel.count[f"import {code or 'cancelled while waiting'}"] += 1
        self._must(record["chunksDone"] == 0, f"{described} was not approved, but chunks are counted")
        owned = [place for place in (*self._spent, *self._reversed) if place[0] == import_id]
        granted = [reward for reward, given in self._granted.items() if given[0] == import_id]
        self._must(not owned and not granted, f"{described} was not approved, but changed {owned} {granted}")
        results = self._world.s3.newest(FILES, f"imports/{import_id}/results.csv")
        self._must(results is None, f"{described} was not approved, but has results")
        return True

    def _may_pass(self, record: dict[str, Any]) -> bool:
        """Whether an import may go on without approval by what it alone asks for."""
        rule = self._world.rule
        if rule == "never" or record["dryRun"] or not record["chunks"]:
            return True
        if rule == "always":
            return False
        limits = {unit: ledger.credits_of(most, unit) for unit, most in self._limits(rule)}
        return all(credits <= limits.get(unit, -1) for unit, credits in record["requested"].items())

    @staticmethod
    def _limits(rule: str) -> list[tuple[str, str]]:
        return [(unit, most) for unit, _, most in (part.partition(">") for part in rule.split(";"))]

    def _check_repetitions(self) -> None:
        """Of imports with the same rows, some without rowId, only one redeems while the other counts."""
        redeemed: dict[Any, list[str]] = {}
        for import_id in dict.fromkeys(owner for owner, _ in self._spent):
            upload = self._upload(import_id)
            if any(not (line.row_id or line.reference) for line in upload.asking()):
                redeemed.setdefault(upload.rows(), []).append(import_id)
        for imports in redeemed.values():
            for one, other in combinations(imports, 2):
                pair = [(self._counts_until(each), self._ended(each)) for each in (one, other)]
                apart = pair[0][0] <= pair[1][1] or pair[1][0] <= pair[0][1]
                self._must(apart, f"imports {one} and {other} redeemed the same rows")

    def _ended(self, import_id: str) -> int:
        ended: int = self.record("IMPORT", import_id)["dateCompleted"]
        return ended

    def _counts_until(self, import_id: str) -> int:
        """From when on an import's rows may be imported again."""
        record = self.record("IMPORT", import_id)
        until = self._ended(import_id) + REPEAT_WINDOW
        reversal = self.record("IMPORT", record["reversedBy"]) if record["reversedBy"] else {}
        if reversal.get("outcomes", {}).keys() <= {"REVERSED", "ALREADY_REVERSED", "UNCHANGED"} and reversal:
            until = min(until, reversal["dateCompleted"])
        return until

    def _check_rejection(self, upload: Upload, code: str, described: str) -> None:
        self._kernel.count[f"import {code}"] += 1
        match code:
            case "EMPTY_FILE":
                self._must(not upload.lines, f"{described} is not empty")
            case "DUPLICATE_FILE":
                self._must(
                    any(not (each.row_id or each.reference) for each in upload.asking()),
                    f"{described} has rowIds or references everywhere",
                )
                others = [each for each in self._import_ids() if each != upload.id]
                same = [each for each in map(self._upload, others) if each.rows() == upload.rows()]
                self._must(any(not each.dry for each in same), f"{described} repeats no other import")
            case "TOTALS_MISMATCH":
                self._must(not self._is_as_expected(upload), f"{described} has its control totals")
            case "VALIDATION_FAILED":
                self._must(self._kernel.count["failed events"], f"{described}: {code}, but no event failed")
            case _:
                self._wrong(f"{described} was rejected: {code}")

    def _check_mail(self, import_id: str, record: dict[str, Any], described: str) -> None:
        about = [mail for mail in self._world.ses.outbox if import_id in mail.text]
        asked_for = [mail for mail in about if mail.subject.startswith("Approval requested")]
        for mail in asked_for:
            self._must(mail.to == ("approvers@example.com",), f"{described}: {mail.to} were asked")
        mails = [mail for mail in about if mail not in asked_for]
        self._must(mails or record.get("mailError"), f"nobody was told of {described}")
        if record.get("dateMailed"):
            self._must(mails, f"{described} says it was mailed")
        for mail in mails:
            asked = "ops@example.com" if record.get("reverses") else "operator@example.com"
            self._must(mail.to == (asked,), f"{described} was told to {mail.to}")

    def _check_counts(
        self, upload: Upload, record: dict[str, Any], mine: dict[int, Any], described: str
    ) -> None:
        rows = len(upload.lines)
        self._must(self._is_as_expected(upload), f"{described} does not have the totals {upload.expected}")
        self._kernel.count["import with control totals"] += upload.expected is not None
        outcomes, redeemed = record["outcomes"], record["redeemed"]
        self._must(
            (record["rows"], record["processed"]) == (rows, rows),
            f"{described}: {rows} rows, record {record}",
        )
        self._must(sum(outcomes.values()) == rows, f"{described}: {outcomes} of {rows} rows")
        for outcome, count in outcomes.items():
            self._kernel.count[f"row {outcome}"] += count
        answered = self._answered(upload.id)
        unasked = outcomes.get("UNCHANGED", 0) if not upload.loads else 0
        self._must(
            sum(answered.values()) == rows - unasked
            and all(answered[each] == count for each, count in outcomes.items() if each != "UNCHANGED"),
            f"{described}: counted {outcomes}, the kept answers say {dict(answered)}",
        )
        requested = ledger.requested(upload.lines.values())
        self._must(
            record["requested"] == requested,
            f"{described}: requested {record['requested']}, the file says {requested}",
        )
        if upload.dry or upload.loads:
            self._must(not mine, f"{described} redeemed lines {sorted(mine)}")
            return
        self._must(
            outcomes.get("REDEEMED", 0) == len(mine),
            f"{described}: {outcomes}, but {len(mine)} were redeemed",
        )
        sums: Counter[str] = Counter()
        for (_, _, unit), spent, _ in mine.values():
            sums[unit] += spent.value
        self._must(redeemed == sums, f"{described}: redeemed {redeemed}, the balances gave {dict(sums)}")

    @staticmethod
    def _is_as_expected(upload: Upload) -> bool:
        return upload.expected is None or ledger.is_as_expected(upload.expected, upload.lines.values())

    def _answered(self, import_id: str) -> Counter[str]:
        """Outcomes in the parts that count: those of validation, and the one each chunk's record names."""
        chunks = {
            f"{sk.replace('CHUNK#', 'chunk-')}-{item['attempt']['S']}"
            for (pk, sk), item in self._world.dynamodb.tables["jobs"].items.items()
            if pk == f"IMPORT#{import_id}" and "counted" in item
        }
        found: Counter[str] = Counter()
        sealed = self.record("IMPORT", import_id)["seal"]
        rejected = f"evidence/{import_id}/sealed/{sealed['attempt']}/checked-" if sealed else "-"
        for key, versions in self._world.s3.buckets[FILES].objects.items():
            folder, _, part = key.rpartition("/")
            chunk = folder == f"evidence/{import_id}/parts" and part.removesuffix(".jsonl") in chunks
            if chunk or key.startswith(rejected):
                stored = map(json.loads, versions[-1].body.splitlines())
                # The first line of a chunk's part has ready cells.
                found.update(result[1] for result in stored if isinstance(result, list))
        return found

    def _check_reversal(self, import_id: str, upload: Upload, record: dict[str, Any], described: str) -> None:
        """Its rows are those of the import that it returns."""
        mine = {line: spent for (owner, line), spent in self._reversed.items() if owner == import_id}
        outcomes = record["outcomes"]
        self._must(sum(outcomes.values()) == record["rows"] == len(upload.lines), f"{described}: {outcomes}")
        self._must(outcomes.get("REVERSED", 0) == len(mine), f"{described}: {outcomes}, but returned {mine}")
        sums: Counter[str] = Counter()
        for line, spent in mine.items():
            sums[self._upload(spent.import_id).lines[line].key[2]] -= spent.value
        self._must(
            record["redeemed"] == sums, f"{described}: {record['redeemed']}, the balances got {dict(sums)}"
        )
        allowed = {"REVERSED", "ALREADY_REVERSED", "UNCHANGED", "NOT_PROCESSED", "CANCELLED"}
        self._must(outcomes.keys() <= allowed, f"{described}: {outcomes}")
        for outcome, count in outcomes.items():
            self._kernel.count[f"row {outcome}"] += count
        if record.get("results"):
            own, _ = ledger.table(upload.body)
            results = self._file(f"imports/{import_id}/results.csv", described)
            said = [cells[len(own) + 2] for cells in results[1:]]
            given = [line for line, outcome in zip(upload.lines, said, strict=True) if outcome == "REVERSED"]
            self._must(given == sorted(mine), f"{described}: reversed are {sorted(mine)}, results say {said}")

    def _check_results(
        self, upload: Upload, record: dict[str, Any], mine: dict[int, Any], described: str
    ) -> None:
        own, _ = ledger.table(upload.body)
        results = self._file(f"imports/{upload.id}/results.csv", described)
        self._must(results[0] == [*own, *OURS], f"{described}: results.csv has the columns {results[0]}")
        self._must(
            len(results) == len(upload.lines) + 1, f"{described}: results.csv has {len(results) - 1} rows"
        )
        counted: Counter[str] = Counter()
        failed: list[list[str]] = []
        failed_lines: list[Line] = []
        for cells, line in zip(results[1:], upload.lines.values(), strict=True):
            number, owner, outcome, redeemed, available, message = cells[len(own) :]
            about = f"{described} line {line.number}: {outcome}"
            if outcome == "ALREADY_REDEEMED":  # it names the redemption itself
                self._must((owner, int(number)) in self._spent, f"{about}: by {owner}, line {number}?")
            else:
                self._must(number == str(line.number), f"{about}: out of order, it says line {number}")
                self._must(owner == upload.id, f"{about}: it says import {owner}")
            self._must(tuple(cells[: len(own)]) == line.cells, f"{about}: cells changed to {cells}")
            counted[outcome] += 1
            if outcome not in SETTLED:
                failed.append([*line.cells, outcome, message])
                failed_lines.append(line)
            if upload.loads:
                self._check_loaded(upload, line, outcome, about)
            else:
                self._check_row(upload, record, line, outcome, redeemed, mine.get(line.number), about)
                self._check_left(record, line, available, about)
        self._must(
            counted == record["outcomes"],
            f"{described}: results {dict(counted)}, record {record['outcomes']}",
        )
        rejected = ledger.requested(failed_lines)
        self._must(
            record["rejected"] == rejected,
            f"{described}: rejected {record['rejected']}, the failed rows requested {rejected}",
        )
        key = f"imports/{upload.id}/failed.csv"
        if failed:
            rows = self._file(key, described)
            self._must(rows == [[*own, "outcome", "message"], *failed], f"{described}: failed.csv is {rows}")
        else:
            self._must(
                self._world.s3.newest(FILES, key) is None, f"{described}: failed.csv, and nothing failed"
            )

    def _check_row(
        self,
        upload: Upload,
        record: dict[str, Any],
        line: Line,
        outcome: str,
        redeemed: str,
        spent: Any,
        about: str,
    ) -> None:
        if line.outcome:
            self._must(outcome == line.outcome, f"{about}, should be {line.outcome}")
            return
        if not upload.dry:
            self._must((outcome == "REDEEMED") == (spent is not None), f"{about}, the balance says {spent}")
        value = ledger.shown(line.credits if outcome == "REDEEMED" else 0, line.key[2])
        self._must(redeemed == value, f"{about} of {redeemed}, should be {value}")
        held = self._held(line.key, record["dateCreated"], record["dateCompleted"])
        match outcome:
            case "REDEEMED":
                most = max((state.available(now, line.program) for now, state in held), default=0)
                self._must(most >= line.credits, f"{about}: there never was so much")
            case "ALREADY_REDEEMED" | "REFERENCE_CONFLICT":
                same = outcome == "ALREADY_REDEEMED"
                ever = [
                    *(self._by_row_id.get(line.row_id, []) if same else []),
                    *self._paid(record, line, same),
                ]
                others = [when for *place, when in ever if tuple(place) != (upload.id, line.number)]
                self._must(
                    any(when <= record["dateCompleted"] for when in others),
                    f"{about}, but not before: {ever}",
                )
            case "INSUFFICIENT_BALANCE":
                least = min((state.available(now, line.program) for now, state in held), default=0)
                if upload.dry:  # the rows before it would have taken theirs
                    least -= sum(other.credits for other in upload.lines.values() if other.key == line.key)
                self._must(least < line.credits, f"{about}: there always was {least} of {line.credits}")
            case "NO_BALANCE" | "UNIT_MISMATCH":
                known = [unit for account, user, unit in self._past if (account, user) == line.key[:2]]
                self._must(held[0][1].version == 0, f"{about}, but there is one")
                self._must(outcome == "NO_BALANCE" or known, f"{about}, but there is no other unit")
            case "NOT_PROCESSED":
                self._must(self._kernel.count["dead letters"], f"{about} without a dead letter")
                self._must(self._kernel.count["failures of redeem"], f"{about}, though no worker failed")
            case "CANCELLED":
                self._must(record["status"] == "CANCELLED", f"{about}, but the import is not")
            case _:
                self._wrong(about)

    def _paid(self, record: dict[str, Any], line: Line, same: bool) -> list[tuple[str, int, int]]:
        """Who redeemed the reference of a row without rowId, with its value or another: import, line, when.

        What was returned before the import was created does not count.
        """
        found = [] if line.row_id else self._by_reference.get((line.key, line.program, line.reference), [])
        return [
            (*place, when)
            for *place, when, value in found
            if (value == line.credits) is same
            and self._returned.get((place[0], place[1]), record["dateCreated"]) >= record["dateCreated"]
        ]

    def _check_left(self, record: dict[str, Any], line: Line, available: str, about: str) -> None:
        """What is said to be left was so at some moment of the import."""
        if not available:
            return
        held = self._held(line.key, record["dateCreated"], record["dateCompleted"])
        seen = {state.available(now, line.program) for now, state in held}
        left = ledger.credits_of(available, line.key[2])
        # A preview says what would be left.
        self._must(
            left in seen or (record["dryRun"] and left < max(seen)), f"{about}: {left} left, not {seen}"
        )

    def _check_loaded(self, upload: Upload, line: Line, outcome: str, about: str) -> None:
        if line.outcome:
            self._must(outcome == line.outcome, f"{about}, should be {line.outcome}")
            return
        assert line.reward is not None
        given = self._granted.get(line.reward.id)
        match outcome:
            case "LOADED":
                self._must(given == (upload.id, line.number, line.key), f"{about}, but given by {given}")
            case "UNCHANGED":
                self._must(given and given[2] == line.key, f"{about}, but given by {given}")
                self._must(given and given[:2] != (upload.id, line.number), f"{about}, but it loaded it")
            case "ID_IN_USE":
                self._must(given and given[2] != line.key, f"{about}, but given by {given}")
            case "INVALID_UNIT":
                self._must(line.key[2] == ledger.MISSPELT and not given, f"{about}, but {given}")
            case "NOT_PROCESSED":
                self._must(self._kernel.count["dead letters"], f"{about} without a dead letter")
                self._must(self._kernel.count["failures of redeem"], f"{about}, though no worker failed")
                self._must(not given or given[:2] != (upload.id, line.number), f"{about}, but it was loaded")
            case "CANCELLED":
                self._must(not given or given[:2] != (upload.id, line.number), f"{about}, but it was loaded")
            case _:
                self._wrong(about)

    def _check_export(self, export_id: str) -> None:
        record = self.record("EXPORT", export_id)
        described = f"export {export_id}"
        self._must(
            record["status"] in ("COMPLETED", "ABORTED"), f"{described} never ended: {record['status']}"
        )
        self._must(record.get("dateMailed") or record.get("mailError"), f"nobody was told of {described}")
        if record["status"] == "ABORTED":
            if record["error"]["code"] == "REPORT_TOO_LARGE":
                # Reports are small here: only a run that stood still has no time left.
                self._must(
                    self._kernel.count["fault stalled"], f"{described} ran out of time without a stall"
                )
            else:
                self._must(
                    self._kernel.count["dead letters"], f"{described} was aborted without a dead letter"
                )
            return
        header, *rows = self._file(f"exports/{export_id}/available-reward-balances-by-user.csv", described)
        self._must(
            len(rows) == record["recordCount"], f"{described}: {len(rows)} rows of {record['recordCount']}"
        )
        params = record["params"]
        unit, program, until = (
            params.get("unit"),
            params.get("programId", ""),
            params.get("availableUntil", 0),
        )
        minimum = params.get("minimumValue", 0)
        told_of = {}
        for cells in rows:
            row = dict(zip(header, cells, strict=True))
            key = tuple(ledger.plain(row[name]) for name in ("accountId", "userId", "unit"))
            self._must(key not in told_of, f"{described}: {key} stands there twice")
            told_of[key] = row["availableValue"]
            filled_in = row["availableValue"] if "prefill" in params else "0"
            self._must(row["valueToRedeem"] == filled_in, f"{described}: {key} is filled in as {row}")
        self._must(list(told_of) == sorted(told_of), f"{described} is not in order")
        for key in self._past.keys() | told_of.keys():
            if unit in (None, key[2]):
                held = self._held(key, record["asOf"], record["readUntil"])
                # A reward that came or went by the clock while its page was read does not count.
                seen = {
                    sum(
                        reward.left
                        for reward in state.rewards.values()
                        if reward.counts(one, program, until) and reward.counts(other, program, until)
                    )
                    for one, state in held
                    for other, _ in held
                }
                seen = {credits if credits >= minimum else 0 for credits in seen}
                said = ledger.credits_of(told_of.get(key, "0"), key[2])
                self._must(said in seen, f"{described}: {key} has {said}, there were {seen}")

    def _check_links(self) -> None:
        """Every link that was mailed opens a file that is there."""
        jobs = self._world.dynamodb.tables["jobs"].items
        for mail in self._world.ses.outbox:
            for token in re.findall(r"/download/(\S+)", mail.text):
                item = jobs.get((f"LINK#{sha256(token.encode()).hexdigest()}", "META"))
                self._must(item, f"a link in {mail.subject!r} has no link item")
                assert item is not None
                key = item["key"]["S"]
                self._must(
                    self._world.s3.newest(FILES, key) is not None, f"{mail.subject!r}: {key} is not there"
                )

    def _file(self, key: str, described: str) -> list[list[str]]:
        body = self._world.s3.newest(FILES, key)
        if body is None:
            self._wrong(f"{described}: {key} is missing")
        header, rows = ledger.table(body)
        return [header, *rows]

"""The auditor: says whether what the system did was right. It shares no code with the product.

At every write of a balance: nothing but redemptions that the contract allows, grants that a file
asked for, and moves to history. At the end: the books add up, every row of every file has its one
right outcome, every import ended, and somebody was told.
"""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, NoReturn

from tests.simulation import ledger
from tests.simulation.dynamodb import Change
from tests.simulation.ledger import BalanceKey, Line, Reward, Spent, Stored
from tests.simulation.world import FILES, UPLOADS, World

SETTLED = {"REDEEMED", "LOADED", "UNCHANGED", "ALREADY_REDEEMED"}
OURS = ["line", "outcome", "redeemedValue", "availableValue", "message"]


@dataclass(frozen=True)
class Upload:
    """An import's file, as the auditor reads it."""

    id: str
    body: bytes
    loads: bool
    dry: bool
    lines: dict[int, Line]


class Auditor:
    """Watches one world. `exports` are the ids of reports that the API has promised."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kernel = world.kernel
        self.exports: set[str] = set()
        self._uploads: dict[str, Upload] = {}
        # By balance: what it held from which moment on.
        self._past: dict[BalanceKey, list[tuple[int, Stored]]] = defaultdict(list)
        self._granted: dict[str, tuple[str, int, BalanceKey]] = {}
        self._spent: dict[tuple[str, int], tuple[BalanceKey, Spent, int]] = {}
        self._by_row_id: dict[str, tuple[str, int, int]] = {}
        self._archived: dict[BalanceKey, Stored] = {}
        world.dynamodb.observe = self._observe

    def _wrong(self, problem: str) -> NoReturn:
        self._kernel.wrong(problem)

    def _must(self, condition: object, problem: str) -> None:
        if not condition:
            self._wrong(problem)

    # --- At every write ---

    def _observe(self, changes: list[Change]) -> None:
        balances = [change for change in changes if change[0] == "accounts" and change[1][1][:2] == "B#"]
        pages = {
            change[1]: change for change in changes if change[0] == "accounts" and change[1][1][:2] == "H#"
        }
        claims = {
            change[1][0]: change[3] for change in changes if change[0] == "rewards" and change[2] is None
        }
        for _, (account, sort_key), old, new in balances:
            user, _, unit = sort_key[2:].partition("#")
            key = (account, user.replace("%23", "#").replace("%25", "%"), unit)
            prefix = f"H#{user}#{unit}#"
            mine = [
                pages.pop(place)
                for place in list(pages)
                if place[0] == account and place[1].startswith(prefix)
            ]
            self._must(len(mine) <= 1, f"{key}: two history pages in one write")
            self._must(all(page[2] is None for page in mine), f"{key}: a history page was overwritten")
            page = ledger.stored(mine[0][3]) if mine else Stored()
            self._balance_changed(key, ledger.stored(old), ledger.stored(new), page, claims)
        self._must(not pages, f"history pages without their balance: {list(pages)}")
        self._must(not claims, f"rewards were claimed, but no balance has them: {list(claims)}")

    def _balance_changed(
        self, key: BalanceKey, old: Stored, new: Stored, page: Stored, claims: dict[str, Any]
    ) -> None:
        self._must(new.version == old.version + 1, f"{key}: version {old.version} became {new.version}")
        both = new.rewards.keys() & page.rewards.keys()
        self._must(not both, f"{key}: rewards {both} are in the balance and in history")
        rewards = {**page.rewards, **new.rewards}
        self._must(old.rewards.keys() <= rewards.keys(), f"{key}: a reward is gone")
        for number, reward in rewards.items():
            if number not in old.rewards:
                self._granted_now(key, number, reward, claims)
        expected = {number: rewards[number] for number in rewards.keys() - old.rewards.keys()} | old.rewards
        records = page.spent + new.spent
        self._must(records[: len(old.spent)] == old.spent, f"{key}: a redemption was forgotten or changed")
        for spent in records[len(old.spent) :]:
            expected = self._redeemed_now(key, spent, expected, old)
        self._must(
            rewards == expected,
            f"{key}: rewards do not agree with what was redeemed: {rewards} instead of {expected}",
        )
        self._move(key, old, new, page)
        self._kernel.count["history pages"] += bool(page.rewards or page.spent)
        self._past[key].append((self._kernel.now, new))

    def _granted_now(self, key: BalanceKey, number: int, reward: Reward, claims: dict[str, Any]) -> None:
        self._must(reward.id not in self._granted, f"{key}: reward {reward.id} was given twice")
        claim = claims.pop(reward.id, None)
        self._must(claim, f"{key}: reward {reward.id} came without a claim of its id")
        import_id, line = claim["importId"]["S"], int(claim["line"]["N"])
        asked = self._upload(import_id).lines[line]
        self._must(
            (asked.key, asked.reward) == (key, reward), f"line {line} asked for {asked.reward}, not {reward}"
        )
        self._granted[reward.id] = import_id, line, key

    def _redeemed_now(
        self, key: BalanceKey, spent: Spent, rewards: dict[int, Reward], old: Stored
    ) -> dict[int, Reward]:
        place = (spent.import_id, spent.line)
        upload = self._upload(spent.import_id)
        line = upload.lines[spent.line]
        told = f"{key}: import {spent.import_id} line {spent.line}"
        self._must(not upload.dry and not upload.loads, f"{told}: not even an import that redeems")
        self._must(place not in self._spent, f"{told}: redeemed twice")
        self._must(not line.outcome, f"{told}: redeemed, though it is {line.outcome}")
        self._must(line.key == key, f"{told}: asked of {line.key}")
        self._must(line.credits == spent.value, f"{told}: {line.credits} asked, {spent.value} redeemed")
        self._must((line.row_id or None) == spent.row_id, f"{told}: rowId {spent.row_id}")
        if spent.row_id:
            earlier = self._by_row_id.get(spent.row_id)
            self._must(earlier is None, f"{told}: its rowId was redeemed before, by {earlier}")
            self._by_row_id[spent.row_id] = (*place, self._kernel.now)
        # Decided some time between its reading and now; rewards may have expired meanwhile.
        read, _ = self._kernel.acting.get(("accounts", (key[0], _sort_key(key))), (self._kernel.now, None))
        moments = {read, *(moment for moment in old.moments() if read < moment <= self._kernel.now)}
        parts = dict(spent.parts)
        self._must(sum(parts.values()) == spent.value, f"{told}: parts {parts} of {spent.value}")
        allowed = [ledger.spend(rewards, spent.value, moment, line.program) for moment in sorted(moments)]
        self._must(
            parts in allowed, f"{told}: took {parts}, the contract's order is {allowed[0]} of {rewards}"
        )
        self._spent[place] = key, spent, self._kernel.now
        left = ledger.after(rewards, spent.parts)
        # Several rows of a file may share one write; each says what was left after itself.
        self._past[key].append((self._kernel.now, replace(old, rewards=left)))
        return left

    def _move(self, key: BalanceKey, old: Stored, new: Stored, page: Stored) -> None:
        """What went to history was closed, and its sums stay with the balance."""
        until, count, assigned, redeemed, expired, cancelled = old.archived
        for number, reward in page.rewards.items():
            closed = not reward.left or reward.cancelled is not None
            closed = closed or (reward.expires is not None and reward.expires <= self._kernel.now)
            self._must(closed, f"{key}: open reward {number} went to history")
            count, assigned = count + 1, assigned + reward.assigned
            redeemed += reward.assigned - reward.left
            if reward.cancelled is not None:
                cancelled += reward.left
            else:
                expired += reward.left
        if page.spent:
            until = max(spent.date for spent in page.spent)
        sums = (until, count, assigned, redeemed, expired, cancelled)
        self._must(new.archived == sums, f"{key}: archived sums are {new.archived}, not {sums}")
        before = self._archived.get(key, Stored())
        self._archived[key] = replace(
            before, rewards=before.rewards | page.rewards, spent=before.spent + page.spent
        )

    # --- Files ---

    def _upload(self, import_id: str) -> Upload:
        """The import's file, read independently."""
        if import_id not in self._uploads:
            record = self._record("IMPORT", import_id)
            self._must(record, f"there is no import {import_id}")
            folder = record["key"].split("/")[0]
            body = next(
                version.body
                for version in self._world.s3.buckets[UPLOADS].objects[record["key"]]
                if version.id == record["versionId"]
            )
            loads = folder == "rewards"
            lines = ledger.reward_lines(body) if loads else ledger.redemption_lines(body, self._row_ids())
            by_number = {line.number: line for line in lines}
            self._uploads[import_id] = Upload(import_id, body, loads, folder == "preview", by_number)
        return self._uploads[import_id]

    def _row_ids(self) -> dict[str, tuple[str, str, str, str]]:
        """Whose each rowId is, by the reports that were made."""
        found: dict[str, tuple[str, str, str, str]] = {}
        for key, versions in self._world.s3.buckets[FILES].objects.items():
            if key.startswith("exports/"):
                for version in versions:
                    header, rows = ledger.table(version.body)
                    for cells in rows:
                        row = dict(zip(header, cells, strict=True))
                        account, user, unit, program = (
                            ledger.plain(row[name]) for name in ("accountId", "userId", "unit", "programId")
                        )
                        whose = (account, user, unit, program)
                        self._must(
                            found.setdefault(row["rowId"], whose) == whose,
                            f"rowId {row['rowId']} stands for two",
                        )
        return found

    def _record(self, kind: str, identifier: str) -> dict[str, Any]:
        item = self._world.dynamodb.tables["jobs"].items.get((f"{kind}#{identifier}", "META"), {})
        return {name: ledger.attribute(value) for name, value in item.items()}

    # --- At the end ---

    def check_end(self) -> None:
        for url, queue in self._world.sqs.queues.items():
            self._must(not queue.messages, f"{url} is not empty: {list(queue.messages.values())[:2]}")
        self._check_books()
        self._check_uploads()
        for export_id in sorted(self.exports):
            self._check_export(export_id)
        self._check_links()

    def _check_books(self) -> None:
        """Given = redeemed + expired + cancelled + left, by reward and by balance."""
        redeemed: Counter[tuple[BalanceKey, int]] = Counter()
        for key, spent, _ in self._spent.values():
            for number, part in spent.parts:
                redeemed[key, number] += part
        total = 0
        for key, past in self._past.items():
            now = past[-1][1]
            self._must(
                now == ledger.stored(self._world.dynamodb.tables["accounts"].items[key[0], _sort_key(key)]),
                f"{key} was written behind the auditor's back",
            )
            rewards = now.rewards | self._archived[key].rewards
            for number, reward in rewards.items():
                import_id, line, _ = self._granted[reward.id]
                asked = self._upload(import_id).lines[line].reward
                assert asked is not None
                left = asked.left - redeemed[key, number]
                self._must(left == reward.left >= 0, f"{key}: {reward} should have {left} left")
            total += len(rewards)
        self._must(total == len(self._granted), "rewards were lost")
        claims = self._world.dynamodb.tables["rewards"].items
        self._must({name for (name,) in claims} == self._granted.keys(), "claims and rewards differ")

    def _check_uploads(self) -> None:
        """Every upload became exactly one import, and that ended."""
        made: Counter[tuple[str, str]] = Counter()
        for pk, sk in sorted(self._world.dynamodb.tables["jobs"].items):
            if pk.startswith("IMPORT#") and sk == "META":
                record = self._record("IMPORT", pk.removeprefix("IMPORT#"))
                made[record["key"], record["versionId"]] += 1
                self._check_import(pk.removeprefix("IMPORT#"), record)
        self._check_twins()
        objects = self._world.s3.buckets[UPLOADS].objects
        expected = {(key, version.id): 1 for key, versions in objects.items() for version in versions}
        self._must(made == expected, f"uploads and imports differ: {made} instead of {expected}")

    def _check_import(self, import_id: str, record: dict[str, Any]) -> None:
        told = f"import {import_id} ({record['key']})"
        upload = self._upload(import_id)
        status, error = record["status"], record["error"]
        self._must(status in ("COMPLETED", "ABORTED"), f"{told} never ended: {status}")
        self._must(record["dateCompleted"], f"{told} has no end")
        self._check_mail(import_id, record, told)
        mine = {line: found for (owner, line), found in self._spent.items() if owner == import_id}
        if status == "ABORTED":
            self._must(not mine, f"{told} was refused, but redeemed lines {sorted(mine)}")
            self._check_refusal(upload, error["code"], told)
            return
        self._check_counts(upload, record, mine, told)
        if record.get("results"):
            self._must(error is None, f"{told} has its results and an error: {error}")
            self._check_results(upload, record, mine, told)
        else:
            self._must(
                error and error["code"] == "RESULTS_FAILED", f"{told} has neither results nor an error"
            )
            self._must(self._kernel.count["dead letters"], f"{told}: {error} without a dead letter")

    def _check_twins(self) -> None:
        """Of files with the very same bytes, and rows without rowId, only one redeems."""
        redeemed: dict[bytes, str] = {}
        for import_id, line in self._spent:
            upload = self._upload(import_id)
            if not upload.lines[line].row_id:
                other = redeemed.setdefault(upload.body, import_id)
                self._must(other == import_id, f"imports {other} and {import_id} redeemed the same bytes")

    def _check_refusal(self, upload: Upload, code: str, told: str) -> None:
        self._kernel.count[f"import {code}"] += 1
        match code:
            case "EMPTY_FILE":
                self._must(not upload.lines, f"{told} is not empty")
            case "DUPLICATE_FILE":
                asking = [line for line in upload.lines.values() if not line.outcome]
                self._must(any(not line.row_id for line in asking), f"{told} has a rowId in every row")
                twins = [
                    version
                    for key, versions in self._world.s3.buckets[UPLOADS].objects.items()
                    for version in versions
                    if key.startswith("redemptions/") and version.body == upload.body
                ]
                self._must(len(twins) > (not upload.dry), f"{told} has no twin")
            case "VALIDATION_FAILED":
                self._must(self._kernel.count["failed events"], f"{told}: {code}, but no event failed")
            case _:
                self._wrong(f"{told} was refused: {code}")

    def _check_mail(self, import_id: str, record: dict[str, Any], told: str) -> None:
        mails = [mail for mail in self._world.ses.outbox if f"({import_id})" in mail.text]
        self._must(mails or record.get("mailError"), f"nobody was told of {told}")
        if record.get("dateMailed"):
            self._must(mails, f"{told} says it was mailed")
        for mail in mails:
            self._must(mail.to == ("operator@example.com",), f"{told} was told to {mail.to}")

    def _check_counts(self, upload: Upload, record: dict[str, Any], mine: dict[int, Any], told: str) -> None:
        rows = len(upload.lines)
        outcomes, redeemed = record["outcomes"], record["redeemed"]
        self._must(
            (record["rows"], record["processed"]) == (rows, rows), f"{told}: {rows} rows, record {record}"
        )
        self._must(sum(outcomes.values()) == rows, f"{told}: {outcomes} of {rows} rows")
        for outcome, count in outcomes.items():
            self._kernel.count[f"row {outcome}"] += count
        answered = self._answered(upload.id)
        unasked = outcomes.get("UNCHANGED", 0) if not upload.loads else 0
        self._must(
            sum(answered.values()) == rows - unasked
            and all(answered[each] == count for each, count in outcomes.items() if each != "UNCHANGED"),
            f"{told}: counted {outcomes}, the kept answers say {dict(answered)}",
        )
        if upload.dry or upload.loads:
            self._must(not mine, f"{told} redeemed lines {sorted(mine)}")
            return
        self._must(
            outcomes.get("REDEEMED", 0) == len(mine), f"{told}: {outcomes}, but {len(mine)} were redeemed"
        )
        sums: Counter[str] = Counter()
        for (_, _, unit), spent, _ in mine.values():
            sums[unit] += spent.value
        self._must(redeemed == sums, f"{told}: redeemed {redeemed}, the balances gave {dict(sums)}")

    def _answered(self, import_id: str) -> Counter[str]:
        """Outcomes in the parts from which results.csv is made."""
        found: Counter[str] = Counter()
        for key, versions in self._world.s3.buckets[FILES].objects.items():
            if key.startswith(f"imports/{import_id}/parts/"):
                found.update(json.loads(text)[1] for text in versions[-1].body.splitlines())
        return found

    def _check_results(self, upload: Upload, record: dict[str, Any], mine: dict[int, Any], told: str) -> None:
        own, _ = ledger.table(upload.body)
        results = self._file(f"imports/{upload.id}/results.csv", told)
        self._must(results[0] == [*own, *OURS], f"{told}: results.csv has the columns {results[0]}")
        self._must(len(results) == len(upload.lines) + 1, f"{told}: results.csv has {len(results) - 1} rows")
        counted: Counter[str] = Counter()
        failed = []
        for cells, line in zip(results[1:], upload.lines.values(), strict=True):
            number, outcome, redeemed, available, message = cells[len(own) :]
            about = f"{told} line {line.number}: {outcome}"
            self._must(number == str(line.number), f"{about}: out of order, it says line {number}")
            self._must(tuple(cells[: len(own)]) == line.cells, f"{about}: cells changed to {cells}")
            counted[outcome] += 1
            if outcome not in SETTLED:
                failed.append([*line.cells, outcome, message])
            if upload.loads:
                self._check_loaded(upload, line, outcome, about)
            else:
                self._check_row(upload, record, line, outcome, redeemed, mine.get(line.number), about)
                self._check_left(record, line, available, about)
        self._must(
            counted == record["outcomes"], f"{told}: results {dict(counted)}, record {record['outcomes']}"
        )
        key = f"imports/{upload.id}/failed.csv"
        if failed:
            rows = self._file(key, told)
            self._must(rows == [[*own, "outcome", "message"], *failed], f"{told}: failed.csv is {rows}")
        else:
            self._must(self._world.s3.newest(FILES, key) is None, f"{told}: failed.csv, and nothing failed")

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
        value = ledger.shown(line.credits, line.key[2]) if outcome == "REDEEMED" else "0"
        self._must(redeemed == value, f"{about} of {redeemed}, should be {value}")
        held = self._held(line.key, record["dateCreated"], record["dateCompleted"])
        match outcome:
            case "REDEEMED":
                most = max((state.available(now, line.program) for now, state in held), default=0)
                self._must(most >= line.credits, f"{about}: there never was so much")
            case "ALREADY_REDEEMED":
                earlier = self._by_row_id.get(line.row_id)
                self._must(earlier and earlier[:2] != (upload.id, line.number), f"{about}, but it was not")
                assert earlier is not None
                self._must(earlier[2] <= record["dateCompleted"], f"{about}, but it was later")
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
            case _:
                self._wrong(about)

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
            case "NOT_PROCESSED":
                self._must(self._kernel.count["dead letters"], f"{about} without a dead letter")
                self._must(not given or given[:2] != (upload.id, line.number), f"{about}, but it was loaded")
            case _:
                self._wrong(about)

    def _check_export(self, export_id: str) -> None:
        record = self._record("EXPORT", export_id)
        told = f"export {export_id}"
        self._must(record["status"] in ("COMPLETED", "ABORTED"), f"{told} never ended: {record['status']}")
        self._must(record.get("dateMailed") or record.get("mailError"), f"nobody was told of {told}")
        if record["status"] == "ABORTED":
            self._must(self._kernel.count["dead letters"], f"{told} was aborted without a dead letter")
            return
        header, *rows = self._file(f"exports/{export_id}/available-reward-balances-by-user.csv", told)
        self._must(len(rows) == record["recordCount"], f"{told}: {len(rows)} rows of {record['recordCount']}")
        unit, program = record["params"].get("unit"), record["params"].get("programId", "")
        told_of = {}
        for cells in rows:
            row = dict(zip(header, cells, strict=True))
            key = tuple(ledger.plain(row[name]) for name in ("accountId", "userId", "unit"))
            self._must(key not in told_of, f"{told}: {key} stands there twice")
            told_of[key] = row["availableValue"]
        self._must(list(told_of) == sorted(told_of), f"{told} is not in order")
        for key in self._past.keys() | told_of.keys():
            if unit in (None, key[2]):
                held = self._held(key, record["asOf"], record["dateCompleted"])
                # Expired or not: that is asked as of one moment; what was taken meanwhile may be missing.
                seen = {state.available(record["asOf"], program) for _, state in held}
                said = ledger.credits_of(told_of.get(key, "0"), key[2])
                self._must(said in seen, f"{told}: {key} has {said}, there were {seen}")

    def _check_links(self) -> None:
        """Every link that was mailed opens a file that is there."""
        jobs = self._world.dynamodb.tables["jobs"].items
        for mail in self._world.ses.outbox:
            for token in re.findall(r"/download/(\S+)", mail.text):
                item = jobs.get((f"LINK#{sha256(token.encode()).hexdigest()}", "META"))
                self._must(item, f"a link in {mail.subject!r} opens nothing")
                assert item is not None
                key = item["key"]["S"]
                self._must(
                    self._world.s3.newest(FILES, key) is not None, f"{mail.subject!r}: {key} is not there"
                )

    def _held(self, key: BalanceKey, first: int, last: int) -> list[tuple[int, Stored]]:
        """What a balance held at every moment between two at which it changed, by writes or by the clock."""
        past = [(0, Stored()), *self._past.get(key, [])]
        found = []
        for place, (since, state) in enumerate(past):
            until = past[place + 1][0] if place + 1 < len(past) else last
            start, end = max(since, first), min(until, last)
            if start <= end:
                moments = {start, end, *(moment for moment in state.moments() if start <= moment <= end)}
                found += [(moment, state) for moment in sorted(moments)]
        return found

    def _file(self, key: str, told: str) -> list[list[str]]:
        body = self._world.s3.newest(FILES, key)
        if body is None:
            self._wrong(f"{told}: {key} is missing")
        header, rows = ledger.table(body)
        return [header, *rows]


def _sort_key(key: BalanceKey) -> str:
    user = key[1].replace("%", "%25").replace("#", "%23")
    return f"B#{user}#{key[2]}"

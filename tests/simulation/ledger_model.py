"""The auditor's ledger model: it checks and keeps every write of a balance, without the product's code.

A balance is compared as a whole, its history included, before and after each write: there may be
nothing new in it but redemptions that the contract allows, rewards that a file or a request asked
for, cancellations and reversals that somebody ordered.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, NoReturn

from tests.simulation import ledger
from tests.simulation.dynamodb import Change
from tests.simulation.ledger import BalanceKey, Line, Reward, Spent, Stored
from tests.simulation.world import FILES, UPLOADS, World

# A balance, a program and a reference.
Payment = tuple[BalanceKey, str, str]
REFERENCE_WINDOW = 400 * 86_400_000


@dataclass(frozen=True)
class Upload:
    """An import's file, as the auditor reads it."""

    id: str
    body: bytes
    loads: bool
    dry: bool
    lines: dict[int, Line]
    expected: str | None = None  # its control totals

    def asking(self) -> list[Line]:
        """The rows that ask for a redemption."""
        return [line for line in self.lines.values() if not line.outcome and not self.loads]

    def rows(self) -> tuple[Any, ...]:
        """What the file asks for, whatever its order and form."""
        return tuple(
            sorted(
                (each.key, each.program, each.credits, each.row_id, each.reference) for each in self.asking()
            )
        )


@dataclass(frozen=True)
class Request:
    """What somebody asks of the API: `of` names a reward or an import; `key` is its Idempotency-Key."""

    kind: str  # create, debit (a balance or an account), redeem (one reward), cancel, cancel-import, reverse
    key: str
    of: str = ""
    account: str = ""
    user: str = ""
    unit: str = ""
    amount: int = 0


@dataclass
class Effect:
    """What a request did, and between what it decided: the rewards of all balances it was asked of."""

    request: Request
    credits: int = 0
    taken: dict[str, int] = field(default_factory=dict)


class LedgerModel:
    """Watches one world. `exports` are the ids of reports that the API has promised."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kernel = world.kernel
        self.exports: set[str] = set()
        self._uploads: dict[str, Upload] = {}
        # By balance: what it held from which moment on; its history pages; what the API took from it.
        self._past: dict[BalanceKey, list[tuple[int, Stored]]] = defaultdict(list)
        self._pages: dict[BalanceKey, dict[Any, Stored]] = defaultdict(dict)
        self._debits: dict[BalanceKey, list[Spent]] = defaultdict(list)
        # By reward: import, line and balance that it was granted to, and as it was then.
        self._granted: dict[str, tuple[str, int, BalanceKey]] = {}
        self._first: dict[str, Reward] = {}
        # By import and line.
        self._spent: dict[tuple[str, int], tuple[BalanceKey, Spent, int]] = {}
        self._reversed: dict[tuple[str, int], Spent] = {}
        self._returned: dict[tuple[str, int], int] = {}
        # Who holds a rowId now, and who ever did: import, line, when.
        self._row_id_holder: dict[str, tuple[str, int]] = {}
        self._by_row_id: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
        # Who redeemed a reference of a balance and program: import, line, when, credits.
        self._by_reference: dict[Payment, list[tuple[str, int, int, int]]] = defaultdict(list)
        self._cancelled_imports: set[str] = set()
        self._requests: dict[str, Request] = {}
        self._effects: dict[str, Effect] = {}
        self._responses: dict[str, Any] = {}
        world.dynamodb.observe = self._observe
        world.sqs.observe = self._check_message

    def _wrong(self, problem: str) -> NoReturn:
        self._kernel.wrong(problem)

    def _must(self, condition: object, problem: str) -> None:
        if not condition:
            self._wrong(problem)

    # --- Approval ---

    def waiting(self) -> list[str]:
        """The ids of the imports that await approval."""
        jobs = self._world.dynamodb.tables["jobs"].items
        return sorted(
            pk.removeprefix("IMPORT#")
            for (pk, sk), item in jobs.items()
            if sk == "META" and item.get("status") == {"S": "AWAITING_APPROVAL"}
        )

    def _check_message(self, url: str, body: str) -> None:
        """No chunk of an import leaves before its approval."""
        message = json.loads(body)
        if url == "redemption-queue":
            self._must_be_released(message["importId"], "a chunk")

    def _must_be_released(self, import_id: str, what: str) -> None:
        """Whether an import needs no approval, or has it. The record says so, not how it came to be."""
        approval = self.record("IMPORT", import_id)["approval"]
        is_free = not approval or not approval["required"]
        is_approved = approval and approval["date"] is not None and approval["reason"] is None
        self._must(is_free or is_approved, f"{what} of import {import_id} came before its approval")

    # --- What people ask of the API ---

    def ask(self, request: Request) -> None:
        """A request is about to be made; it may have its effect once, now or later."""
        self._requests[sha256(f"default\nkeys\n{request.key}".encode()).hexdigest()] = request

    def responded(self, request: Request, response: Any) -> None:
        """A request was answered with success: so it had its effect, and the answer is always the same."""
        if request.kind in ("create", "debit", "redeem"):
            self._must(
                request.key in self._effects, f"{request} was answered {response}, and nothing happened"
            )
            first = self._responses.setdefault(request.key, response)
            self._must(first == response, f"{request}: first {first}, now {response}")
        elif request.kind == "cancel-import":
            self._cancelled_imports.add(request.of)
        elif request.kind == "cancel":
            self._must(response["dateCancelled"] is not None, f"{request} was answered {response}")

    # --- At every write ---

    def _observe(self, changes: list[Change]) -> None:
        accounts = [change for change in changes if change[0] == "accounts"]
        pages = {change[1]: change[3] for change in accounts if change[1][1][:2] == "H#"}
        claims = {key[0]: new for table, key, old, new in changes if table == "rewards" and old is None}
        request = self._request_of(changes)
        for _, (account, sort_key), old, new in accounts:
            if sort_key[:2] != "B#":
                continue
            user, _, unit = sort_key[2:].partition("#")
            mine = {
                place: ledger.stored(pages.pop(place))
                for place in list(pages)
                if place[0] == account and place[1].startswith(f"H#{user}#{unit}#")
            }
            key = (account, user.replace("%23", "#").replace("%25", "%"), unit)
            self._balance_changed(key, ledger.stored(old), ledger.stored(new), mine, claims, request)
        self._must(not pages, f"history pages without their balance: {list(pages)}")
        self._must(not claims, f"rewards were claimed, but no balance has them: {list(claims)}")
        if request is not None:
            self._check_effect(self._effects[request.key], accounts)

    def _request_of(self, changes: Iterable[Change]) -> Request | None:
        """The request whose answer is kept in this very write."""
        kept = [key[0].removeprefix("KEY#") for _, key, _, _ in changes if key[0].startswith("KEY#")]
        if not kept:
            return None
        request = self._requests.get(kept[0])
        if request is None or len(kept) > 1:
            self._wrong(f"answers to nobody's request: {kept}")
        self._must(request.key not in self._effects, f"{request} has a second effect")
        self._effects[request.key] = Effect(request)
        return request

    def _balance_changed(
        self,
        key: BalanceKey,
        old: Stored,
        new: Stored,
        pages: dict[Any, Stored],
        claims: dict[str, Any],
        request: Request | None,
    ) -> None:
        self._must(new.version == old.version + 1, f"{key}: version {old.version} became {new.version}")
        kept = self._pages[key] | pages
        before, after = self._whole(key, old, self._pages[key]), self._whole(key, new, kept)
        self._must(before.rewards.keys() <= after.rewards.keys(), f"{key}: a reward was deleted")
        expected = dict(before.rewards)
        for number in after.rewards.keys() - before.rewards.keys():
            expected[number] = self._granted_now(key, after.rewards[number], claims, request)
        earlier = {(spent.import_id, spent.line): spent for spent in before.spent}
        for spent in after.spent:
            known = earlier.pop((spent.import_id, spent.line), None)
            if known is not None and known != spent:
                expected = self._reversed_now(key, known, spent, expected)
            elif known is None and spent.line:
                expected = self._redeemed_now(key, spent, expected, old)
            elif known is None:
                expected = self._debited_now(key, spent, expected, request)
        self._must(not earlier, f"{key}: redemptions were forgotten: {earlier}")
        for number, reward in after.rewards.items():
            if reward.cancelled != expected[number].cancelled:
                expected[number] = self._cancelled_now(key, expected[number], reward)
        self._must(
            after.rewards == expected,
            f"{key}: rewards do not agree with what happened: {after.rewards} instead of {expected}",
        )
        self._check_archived(key, new, kept)
        self._kernel.count["history pages"] += len(kept) - len(self._pages[key])
        self._pages[key] = kept
        self._past[key].append((self._kernel.now, new))

    def _whole(self, key: BalanceKey, balance: Stored, pages: dict[Any, Stored]) -> Stored:
        """A balance with its history; nothing may be in two places."""
        rewards, spent = dict(balance.rewards), list[Spent]()
        for _, page in sorted(pages.items()):
            both = rewards.keys() & page.rewards.keys()
            self._must(not both, f"{key}: rewards {both} are in two places")
            rewards |= page.rewards
            spent += page.spent
        spent += balance.spent
        places = [(each.import_id, each.line) for each in spent]
        self._must(len(set(places)) == len(places), f"{key}: a redemption is there twice: {places}")
        return Stored(rewards=rewards, spent=tuple(spent))

    def _granted_now(
        self, key: BalanceKey, reward: Reward, claims: dict[str, Any], request: Request | None
    ) -> Reward:
        self._must(reward.id not in self._granted, f"{key}: reward {reward.id} was given twice")
        claim = claims.pop(reward.id, None)
        if claim is None:
            self._wrong(f"{key}: reward {reward.id} came without a claim of its id")
        import_id, line = claim["importId"]["S"], int(claim["line"]["N"])
        if import_id == "API":
            if request is None or request.kind != "create":
                self._wrong(f"nobody asked for {reward}")
            asked = (request.account, request.user, request.unit), request.amount
            self._must((key, reward.left) == asked, f"{request} was answered with {key} {reward}")
            self._effects[request.key].credits += reward.assigned
        else:
            row = self._upload(import_id).lines[line]
            self._must(
                (row.key, row.reward) == (key, reward), f"line {line} asked for {row.reward}, not {reward}"
            )
            self._must(import_id not in self._cancelled_imports, f"{reward} was loaded after its cancel")
            self._must_be_released(import_id, f"reward {reward.id}")
        self._granted[reward.id] = import_id, line, key
        self._first[reward.id] = reward
        return reward

    def _redeemed_now(
        self, key: BalanceKey, spent: Spent, rewards: dict[int, Reward], old: Stored
    ) -> dict[int, Reward]:
        place = (spent.import_id, spent.line)
        upload = self._upload(spent.import_id)
        line = upload.lines[spent.line]
        described = f"{key}: import {spent.import_id} line {spent.line}"
        self._must(not upload.dry and not upload.loads, f"{described}: not even an import that redeems")
        self._must(spent.import_id not in self._cancelled_imports, f"{described}: redeemed after its cancel")
        self._must(place not in self._spent, f"{described}: redeemed twice")
        self._must_be_released(spent.import_id, f"line {spent.line}")
        self._must(not line.outcome, f"{described}: redeemed, though it is {line.outcome}")
        self._must(line.key == key, f"{described}: asked of {line.key}")
        self._must(line.credits == spent.value, f"{described}: {line.credits} asked, {spent.value} redeemed")
        self._must((line.row_id or None) == spent.row_id, f"{described}: rowId {spent.row_id}")
        self._must(not spent.reversed_by, f"{described}: reversed before it was redeemed")
        if spent.row_id:
            holder = self._row_id_holder.get(spent.row_id)
            self._must(holder is None, f"{described}: its rowId was redeemed before, by {holder}")
            self._row_id_holder[spent.row_id] = place
            self._by_row_id[spent.row_id].append((*place, self._kernel.now))
        self._check_reference(line, spent, described)
        parts = dict(spent.parts)
        self._must(sum(parts.values()) == spent.value, f"{described}: parts {parts} of {spent.value}")
        # Decided some time between its reading and now; rewards may have expired meanwhile.
        read = self._kernel.acting.get(("accounts", (key[0], sort_key(key))), (self._kernel.now, None))[0]
        allowed = [
            ledger.redeem_in_order(rewards, spent.value, moment, line.program)
            for moment in self._moments(read, old.rewards.values())
        ]
        self._must(
            parts in allowed, f"{described}: took {parts}, the contract's order is {allowed[0]} of {rewards}"
        )
        self._spent[place] = key, spent, self._kernel.now
        left = ledger.after(rewards, spent.parts)
        # Several rows of a file may share one write; each says what was left after itself.
        open_now = {number: left[number] for number in left.keys() & old.rewards.keys()}
        self._past[key].append((self._kernel.now, replace(old, rewards=open_now)))
        return left

    def _check_reference(self, line: Line, spent: Spent, described: str) -> None:
        """A reference pays once in 400 days, unless what it paid was returned or the row has a rowId."""
        program = line.program if line.reference else ""
        kept = (spent.reference, spent.program)
        self._must(kept == (line.reference, program), f"{described}: its reference and program are {kept}")
        if not line.reference:
            return
        payment = (line.key, line.program, line.reference)
        standing = [
            each
            for each in self._by_reference[payment]
            if each[:2] not in self._returned and each[2] > self._kernel.now - REFERENCE_WINDOW
        ]
        self._must(line.row_id or not standing, f"{described}: its reference was redeemed before, {standing}")
        self._by_reference[payment].append((spent.import_id, spent.line, self._kernel.now, spent.value))

    def _debited_now(
        self, key: BalanceKey, spent: Spent, rewards: dict[int, Reward], request: Request | None
    ) -> dict[int, Reward]:
        """By the API. What one request takes from several balances is looked at as a whole, later."""
        described = f"{key}: {spent}"
        if request is None or request.kind not in ("debit", "redeem"):
            self._wrong(f"{described}: nobody asked")
        if request.kind == "debit":
            asked = (request.account, request.user or key[1], request.unit)
            self._must(asked == key, f"{described}: asked was {request}")
        self._must(
            sum(part for _, part in spent.parts) == spent.value, f"{described}: the parts do not add up"
        )
        effect = self._effects[request.key]
        effect.credits += spent.value
        for number, part in spent.parts:
            effect.taken[rewards[number].id] = part
        self._debits[key].append(spent)
        return ledger.after(rewards, spent.parts)

    def _check_effect(self, effect: Effect, changes: list[Change]) -> None:
        request = effect.request
        self._must(effect.credits == request.amount, f"{request} had the effect of {effect.credits}")
        self._kernel.count[f"request {request.kind}"] += 1
        if request.kind == "redeem":
            self._must(effect.taken == {request.of: request.amount}, f"{request} took {effect.taken}")
        elif request.kind == "debit":
            rewards = dict(enumerate(self._rewards_before(request, changes)))
            read = self._kernel.acting.get("query", (self._kernel.now, None))[0]
            moments = self._moments(read, rewards.values())
            found = [ledger.redeem_in_order(rewards, request.amount, moment, "") or {} for moment in moments]
            allowed = [{rewards[number].id: part for number, part in each.items()} for each in found]
            self._must(effect.taken in allowed, f"{request} took {effect.taken}, the order is {allowed[0]}")

    def _rewards_before(self, request: Request, changes: list[Change]) -> Iterable[Reward]:
        """The rewards of all balances that a debit was asked of, as they were before it."""
        now = {key[1]: ledger.stored(old) for _, key, old, _ in changes}
        for key, past in self._past.items():
            if (key[0], request.user or key[1], key[2]) == (request.account, key[1], request.unit):
                yield from now.get(sort_key(key), past[-1][1]).rewards.values()

    def _moments(self, read: int, rewards: Iterable[Reward]) -> list[int]:
        """Between a reading and now, when rewards came or went by the clock."""
        now = self._kernel.now
        turns = (
            turn for reward in rewards for turn in (reward.expires, reward.scheduled) if turn is not None
        )
        return sorted({read, *(turn for turn in turns if read < turn <= now)})

    def _reversed_now(
        self, key: BalanceKey, known: Spent, spent: Spent, rewards: dict[int, Reward]
    ) -> dict[int, Reward]:
        """Each amount back to the reward it came from; that reward keeps its dates."""
        described = f"{key}: {known} became {spent}"
        self._must(
            not known.reversed_by and replace(known, reversed_by=spent.reversed_by) == spent, described
        )
        reversal = self.record("IMPORT", spent.reversed_by)
        self._must(
            reversal.get("reverses") == spent.import_id, f"{described}, and that reverses something else"
        )
        self._must(spent.reversed_by not in self._cancelled_imports, f"{described} after its cancel")
        self._must_be_released(spent.reversed_by, described)
        self._reversed[spent.reversed_by, spent.line] = spent
        self._returned[spent.import_id, spent.line] = self._kernel.now
        if spent.row_id:
            del self._row_id_holder[spent.row_id]
        return ledger.after(rewards, [(number, -part) for number, part in spent.parts])

    def _cancelled_now(self, key: BalanceKey, before: Reward, reward: Reward) -> Reward:
        asked = any(each.kind == "cancel" and each.of == reward.id for each in self._requests.values())
        self._must(asked and before.cancelled is None, f"{key}: nobody cancelled {reward}")
        self._must(reward.left > 0, f"{key}: {reward} was cancelled, and nothing was left")
        self._kernel.count["request cancel"] += 1
        return replace(before, cancelled=reward.cancelled)

    def _check_archived(self, key: BalanceKey, new: Stored, pages: dict[Any, Stored]) -> None:
        """What is in history is closed, and its sums stay with the balance."""
        until = count = assigned = redeemed = expired = cancelled = last_expired = last_cancelled = 0
        for page in pages.values():
            until = max([until, *(spent.date for spent in page.spent)])
            for number, reward in page.rewards.items():
                closed = not reward.left or reward.cancelled is not None
                closed = closed or (reward.expires is not None and reward.expires <= self._kernel.now)
                self._must(closed, f"{key}: open reward {number} is in history")
                count, assigned = count + 1, assigned + reward.assigned
                redeemed += reward.assigned - reward.left
                if reward.left and reward.cancelled is not None:
                    cancelled += reward.left
                    last_cancelled = max(last_cancelled, reward.cancelled)
                elif reward.left and reward.expires is not None:
                    expired += reward.left
                    last_expired = max(last_expired, reward.expires)
        # What a reversal took back out of history leaves the last dates as they were.
        last_expired = max(last_expired, new.archived[6])
        last_cancelled = max(last_cancelled, new.archived[7])
        sums = (until, count, assigned, redeemed, expired, cancelled, last_expired, last_cancelled)
        self._must(new.archived == sums, f"{key}: archived sums are {new.archived}, not {sums}")

    # --- Files and records ---

    def _upload(self, import_id: str) -> Upload:
        """The import's file, read independently."""
        if import_id not in self._uploads:
            record = self.record("IMPORT", import_id)
            self._must(record, f"there is no import {import_id}")
            folder = record["key"].split("/")[0]
            version = next(
                version
                for version in self._world.s3.buckets[UPLOADS].objects[record["key"]]
                if version.id == record["versionId"]
            )
            body, expected = version.body, version.metadata.get("expected")
            loads = folder == "rewards"
            lines = ledger.reward_lines(body) if loads else ledger.redemption_lines(body, self._row_ids())
            by_number = {line.number: line for line in lines}
            self._uploads[import_id] = Upload(
                import_id, body, loads, folder == "preview", by_number, expected
            )
        return self._uploads[import_id]

    def _row_ids(self) -> dict[str, tuple[str, str, str, str]]:
        """Whose each rowId is, by the reports that were made."""
        found: dict[str, tuple[str, str, str, str]] = {}
        for key, versions in self._world.s3.buckets[FILES].objects.items():
            for version in versions if key.startswith("exports/") else ():
                header, rows = ledger.table(version.body)
                for cells in rows:
                    row = dict(zip(header, cells, strict=True))
                    account, user, unit, program = (
                        ledger.plain(row[name]) for name in ("accountId", "userId", "unit", "programId")
                    )
                    whose = (account, user, unit, program)
                    self._must(
                        found.setdefault(row["rowId"], whose) == whose, f"rowId {row['rowId']} stands for two"
                    )
        return found

    def record(self, kind: str, identifier: str) -> dict[str, Any]:
        """An import's or export's record, as it is now."""
        item = self._world.dynamodb.tables["jobs"].items.get((f"{kind}#{identifier}", "META"), {})
        return {name: ledger.attribute(value) for name, value in item.items()}

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


def sort_key(key: BalanceKey) -> str:
    """Where a balance is in its account."""
    user = key[1].replace("%", "%25").replace("#", "%23")
    return f"B#{user}#{key[2]}"

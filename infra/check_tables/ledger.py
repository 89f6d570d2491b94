"""Compares the three tables with each other and with the result parts.

After a restore they are of different moments. What is unambiguous is repaired or applied again, each time on
condition that nothing was written meanwhile and under its own ids, so that a second run changes nothing.
Everything else is reported.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from infra.check_tables.evidence import Evidence, Part
from infra.check_tables.findings import Finding, State
from rewards.adapters import balance_item
from rewards.adapters.errors import ConditionFailedError, ThrottledError, translated
from rewards.adapters.retry import Backoff
from rewards.adapters.reward_registry import Claim
from rewards.bootstrap import Flows
from rewards.domain import ids
from rewards.domain.balance import Balance, Redemption, RedemptionRequest, find, needs_history, redeem
from rewards.domain.balance_key import BalanceKey
from rewards.domain.messages import LoadChunk, RedeemChunk
from rewards.domain.outcomes import Outcome, RowResult
from rewards.domain.reward_rows import Grant
from rewards.domain.units import format_value
from rewards.flows.ledger_commands import BY_API
from rewards.flows.spellings import as_stored

# Who claimed a reward whose own claim was lost.
RESTORED = "RESTORED"

_SECONDS = 3_600.0


# A row of a reversal: line, unit, credits.
_Row = tuple[int, str, int]


@dataclass
class Ledger:
    """Compares the tables behind `flows`; `repair` and `reapply` say what may be changed.

    `reapply` needs `repair`, too: otherwise a reward that lost its claim would be granted twice.
    `applied` has what was redeemed again, in credits by unit.
    """

    flows: Flows
    repair: bool
    reapply: bool
    applied: Counter[str] = field(default_factory=Counter)
    # How many rows of which import are redeemed, and which rewards are granted, but not claimed.
    _redeemed_by: Counter[str] = field(default_factory=Counter)
    _unclaimed: set[str] = field(default_factory=set)
    # Whether a reversal without a record, the first id, may have reversed an import, the second.
    _reversible: dict[tuple[str, str], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._evidence = Evidence(self.flows)

    def check(self) -> Iterator[Finding]:
        """Yield what does not fit together; what is repaired, after it was."""
        yield from self._claims_without_grant()
        yield from self._grants_without_claim()
        yield from self._results_without_effect()
        yield from self._redemptions_without_results()

    # --- Claimed but not granted: `Rewards` is younger than `Accounts` ---

    def _claims_without_grant(self) -> Iterator[Finding]:
        lost: dict[str, dict[str, Claim]] = {}
        for page in self.flows.scanner.rewards(lambda: _SECONDS):
            claimed: dict[BalanceKey, set[str]] = {}
            for item in page.items:
                key = BalanceKey(item.account_id.S, item.user_id.S, item.unit.S)
                claimed.setdefault(key, set()).add(item.id.S)
            balances = self.flows.accounts.read(claimed, _backoff())
            for key, reward_ids in claimed.items():
                balance = balances.get(key)
                missing = reward_ids - {each.id for each in balance.rewards} if balance else reward_ids
                if balance is not None and missing and balance.archived.count:
                    try:
                        missing -= self._in_history(key)
                    except ThrottledError:
                        text = "pages of its history are missing, so its rewards were not compared"
                        yield Finding(State.DECIDE, _balance(key), text)
                        continue
                for reward_id, claim in self.flows.registry.read(missing, _backoff()).items():
                    lost.setdefault(claim.import_id, {})[reward_id] = claim
        for import_id, claims in sorted(lost.items()):
            yield from self._grant_again(import_id, claims)

    def _in_history(self, key: BalanceKey) -> set[str]:
        found = self.flows.accounts.balances_with_history(*key)
        return {
            reward.id
            for balance, pages in found
            for rewards in (balance.rewards, *(page.rewards for page in pages))
            for reward in rewards
        }

    def _grant_again(self, import_id: str, claims: dict[str, Claim]) -> Iterator[Finding]:
        """Grant rewards whose claims have none, as the stored chunks of their import say."""
        grants = {} if import_id in (BY_API, RESTORED) else self._grants_of(import_id, claims)
        for reward_id, claim in sorted(claims.items()):
            subject = f"reward {reward_id} of {_balance(claim.balance_key)}"
            grant = grants.get(reward_id)
            if grant is None or grant.balance_key != claim.balance_key:
                text = (
                    f"its id is claimed by {import_id}, but it was not granted, and no stored chunk has it. "
                    "Create it again with a new id"
                )
                yield Finding(State.DECIDE, subject, text)
                continue
            text = f"its id is claimed by import {import_id}, line {claim.line}, but it was not granted"
            if not self.repair:
                yield Finding(State.REPAIR, subject, text)
                continue
            if not self._delete_claim(reward_id, claim):
                yield Finding(State.DECIDE, subject, f"{text}. Its claim was changed just now; check again")
                continue
            (result,) = self.flows.loader.load(import_id, [grant], _backoff())
            if result.outcome is Outcome.LOADED:
                yield Finding(State.REPAIRED, subject, text)
            else:
                yield Finding(State.DECIDE, subject, f"{text}. Granting it ended {result.outcome}")

    def _grants_of(self, import_id: str, reward_ids: Iterable[str]) -> dict[str, Grant]:
        wanted = set(reward_ids)
        found = (
            self.flows.spellings.grant(grant, _backoff())
            for chunk in self._evidence.chunks(import_id)
            if isinstance(chunk, LoadChunk)
            for grant in chunk.grants
            if grant.reward.id in wanted
        )
        return {grant.reward.id: grant for grant in found}

    def _delete_claim(self, reward_id: str, claim: Claim) -> bool:
        """Delete a claim as it was read; False if it is another one."""
        try:
            with translated():
                self.flows.client("dynamodb").delete_item(
                    TableName=self.flows.settings.rewards_table,
                    Key={"id": {"S": reward_id}},
                    ConditionExpression="importId = :import AND line = :line",
                    ExpressionAttributeValues={
                        ":import": {"S": claim.import_id},
                        ":line": {"N": str(claim.line)},
                    },
                )
        except ConditionFailedError:
            return False
        return True

    # --- Granted but not claimed: `Accounts` is younger than `Rewards` ---

    def _grants_without_claim(self) -> Iterator[Finding]:
        for page in self.flows.scanner.accounts(True, lambda: _SECONDS, redemptions=True):
            owners: dict[str, BalanceKey] = {}
            for item in page.items:
                kind = item.sk.S[:2]
                if kind == balance_item.BALANCE_PREFIX:
                    balance = balance_item.decode(item.of_balance())
                    key, rewards, redemptions = balance.key, balance.rewards, balance.redemptions
                elif kind == balance_item.HISTORY_PREFIX:
                    key, _ = balance_item.split_history_key(item.pk.S, item.sk.S)
                    rewards = balance_item.decode_rewards(item.rewards.S)
                    redemptions = balance_item.decode_redemptions(item.redemptions.S)
                else:
                    continue
                owners.update((reward.id, key) for reward in rewards)
                # The API's redemptions have line 0 and no import.
                self._redeemed_by.update(each.import_id for each in redemptions if each.line)
            claims = self.flows.registry.read(owners, _backoff())
            for reward_id, key in owners.items():
                claim = claims.get(reward_id)
                subject = f"reward {reward_id} of {_balance(key)}"
                if claim is None:
                    yield self._claim_again(subject, reward_id, key)
                elif claim.balance_key != key:
                    text = f"its id is claimed for {_balance(claim.balance_key)}. Cancel one of the two"
                    yield Finding(State.DECIDE, subject, text)

    def _claim_again(self, subject: str, reward_id: str, key: BalanceKey) -> Finding:
        self._unclaimed.add(reward_id)
        text = "it was granted, but its id is not claimed, so that it could be granted again"
        if not self.repair:
            return Finding(State.REPAIR, subject, text)
        item = {"id": reward_id, "accountId": key.account_id, "userId": key.user_id, "unit": key.unit}
        try:
            with translated():
                self.flows.client("dynamodb").put_item(
                    TableName=self.flows.settings.rewards_table,
                    Item={
                        **{name: {"S": value} for name, value in item.items()},
                        "importId": {"S": RESTORED},
                        "line": {"N": "0"},
                    },
                    ConditionExpression="attribute_not_exists(id)",
                )
        except ConditionFailedError:
            return Finding(State.DECIDE, subject, f"{text}. It was claimed just now; check again")
        return Finding(State.REPAIRED, subject, f"{text}. Its name and source are lost")

    # --- Redeemed without results: `Accounts` is younger than `Jobs` ---

    def _redemptions_without_results(self) -> Iterator[Finding]:
        for import_id, count in sorted(self._redeemed_by.items()):
            job = self.flows.import_jobs.get(import_id)
            subject = f"import {import_id}"
            has = f"{count:,} of its rows are redeemed"
            if job is None:
                text = (
                    f"{has}, but it has no record. Uploaded again, rows with a rowId end ALREADY_REDEEMED. "
                    "Do not upload rows without rowId again: they would be redeemed twice"
                )
                yield Finding(State.NOTE, subject, text)
            elif job.date_completed is None and job.next_step is None:
                text = f"{has}, but it is {job.status}, and nothing continues it. Its rows stay redeemed"
                yield Finding(State.DECIDE, subject, text)
            elif job.date_completed is None:
                text = f"{has}, but it has not ended. It has to be resumed"
                if self.repair:
                    self.flows.import_resumer.run(job)
                yield Finding(State.REPAIRED if self.repair else State.REPAIR, subject, text)

    # --- Results without effect: `Accounts` is older than what the parts say ---

    def _results_without_effect(self) -> Iterator[Finding]:
        """Apply again what result parts say was loaded, redeemed or reversed, in the order of the parts."""
        evidence = self._evidence
        unknown = self._unknown_reversals()
        for import_id in sorted(unknown):
            text = (
                "it is a reversal without a record, so it is not known which import it reversed. Imports "
                "that it may have reversed are not applied again"
            )
            yield Finding(State.DECIDE, f"import {import_id}", text)
        for part in evidence.parts:
            job = evidence.job(part.import_id)
            if job is not None and job.dry_run:
                continue
            yield from self._load(part, {each.line for each in evidence.results(part, Outcome.LOADED)})
            yield from self._redeem(part, evidence.results(part, Outcome.REDEEMED), unknown)
            if job is not None and job.reverses is not None:
                lines = {each.line for each in evidence.results(part, Outcome.REVERSED)}
                yield from self._reverse(part, job.reverses, lines)

    def _load(self, part: Part, lines: set[int]) -> Iterator[Finding]:
        chunk = self._evidence.chunk(part) if lines else None
        if not isinstance(chunk, LoadChunk):
            return  # without its chunk nothing is known of its rewards
        grants = [each for each in chunk.grants if each.line in lines]
        known = self.flows.registry.read((each.reward.id for each in grants), _backoff())
        for grant in grants:
            if grant.reward.id in known or grant.reward.id in self._unclaimed:
                continue
            subject = f"import {part.import_id}, line {grant.line}"
            amount = f"{format_value(grant.reward.assigned_credit, grant.unit)} {grant.unit}"
            text = f"reward {grant.reward.id} of {amount} was loaded, but is not there any more"
            if not self.reapply:
                yield Finding(State.REAPPLY, subject, text)
                continue
            (result,) = self.flows.loader.load(part.import_id, [grant], _backoff())
            if result.outcome is Outcome.LOADED:
                yield Finding(State.REPAIRED, subject, text)
            else:
                yield Finding(State.DECIDE, subject, f"{text}. Loading it again ended {result.outcome}")

    def _redeem(
        self, part: Part, redeemed: Iterable[RowResult], unknown: Mapping[str, set[_Row]]
    ) -> Iterator[Finding]:
        missing = self._missing(part, redeemed)
        if not missing:
            return
        chunk = self._evidence.chunk(part)
        if not isinstance(chunk, RedeemChunk):
            subject = f"import {part.import_id}, chunk {part.chunk}"
            if self._evidence.job(part.import_id) is None:
                text = (
                    f"{len(missing):,} of its rows have the result REDEEMED, but the balances do not contain "
                    "that. It may have been a preview, which redeems nothing: its record is missing, and its "
                    "stored chunk is missing or ambiguous. The key in the log line 'upload found' of a "
                    "preview begins with preview/"
                )
            else:
                text = (
                    f"{len(missing):,} of its rows were redeemed, but the balances do not contain that, and "
                    "the stored chunk with their rowIds is missing or ambiguous. If its file has rowIds, "
                    "import it again"
                )
            yield Finding(State.DECIDE, subject, text)
            return
        if chunk.dry_run:
            return
        reversals = [each for each, rows in unknown.items() if self._may_reverse(each, rows, part.import_id)]
        for request in chunk.requests:
            if request.line in missing:
                yield from self._redeem_again(part, request, reversals)

    def _missing(self, part: Part, redeemed: Iterable[RowResult]) -> set[int]:
        """The lines whose redemption is not in its balance."""
        rows: dict[BalanceKey, set[int]] = {}
        for result in redeemed:
            rows.setdefault(result.balance_key, set()).add(result.line)
        balances = self.flows.accounts.read(rows, _backoff())
        missing = set()
        for key, lines in rows.items():
            balance = balances.get(key)
            made = self._redemptions(balance, part.import_id) if balance is not None else []
            missing |= lines - {each.line for each in made}
        return missing

    def _redemptions(self, balance: Balance, import_id: str) -> list[Redemption]:
        """The redemptions of a balance that an import made."""
        since = ids.time_of(import_id)
        history = []
        if needs_history(balance, since):
            history = self.flows.accounts.history(balance, since, _backoff())
        return [each for each in (*balance.redemptions, *history) if each.import_id == import_id]

    def _redeem_again(self, part: Part, row: RedemptionRequest, reversals: list[str]) -> Iterator[Finding]:
        """Redeem a row again under its own import and line, from the rewards that were available then."""
        backoff = _backoff()
        request = as_stored(row, part.import_id, self.flows.accounts, backoff)
        key = request.balance_key
        subject = f"import {part.import_id}, line {row.line}, {_balance(key)}"
        amount = f"{format_value(row.value, row.unit)} {row.unit}"
        text = f"{amount} was redeemed, but the balance does not contain it"
        while True:
            balance = self.flows.accounts.read([key], backoff).get(key)
            if balance is not None:
                history = self.flows.accounts.history(balance, 0, backoff) if balance.archived_until else []
                if find(balance, request, part.import_id, history):
                    return  # meanwhile, or by a later upload of the same row
            if reversals:
                text += f". Import {reversals[0]} may have reversed it: redeem it again only if it did not"
                yield Finding(State.DECIDE, subject, text)
                return
            if not self.reapply:
                yield Finding(State.REAPPLY, subject, text)
                return
            if balance is None:
                yield Finding(State.DECIDE, subject, f"{text}. The balance does not exist any more")
                return
            result = redeem(balance, request, part.import_id, part.written, history)
            if result.outcome is Outcome.ALREADY_REDEEMED:
                return  # by a later upload of the same reference
            if result.outcome is not Outcome.REDEEMED:
                yield Finding(State.DECIDE, subject, f"{text}. {result.message}")
                return
            if self.flows.accounts.write([balance], self.flows.now()) == [True]:
                self.applied[row.unit] += row.value
                self._redeemed_by[part.import_id] += 1
                yield Finding(State.REPAIRED, subject, text)
                return
            backoff.wait()

    # --- Reversals ---

    def _unknown_reversals(self) -> dict[str, set[_Row]]:
        """The rows of reversals that have no record."""
        found: dict[str, set[_Row]] = {}
        for part in self._evidence.parts:
            if self._evidence.job(part.import_id) is None:
                for each in self._evidence.results(part, Outcome.REVERSED):
                    found.setdefault(part.import_id, set()).add((each.line, each.unit, -each.redeemed))
        return found

    def _may_reverse(self, reversal_id: str, rows: set[_Row], import_id: str) -> bool:
        """Whether an import redeemed before a reversal what that returned."""
        if import_id > reversal_id:
            return False
        pair = reversal_id, import_id
        if pair not in self._reversible:  # asked for each part of the import
            left = set(rows)
            for part in self._evidence.parts_of(import_id):
                if not left:
                    break
                redeemed = self._evidence.results(part, Outcome.REDEEMED)
                left.difference_update((each.line, each.unit, each.redeemed) for each in redeemed)
            self._reversible[pair] = not left
        return self._reversible[pair]

    def _reverse(self, part: Part, of: str, lines: set[int]) -> Iterator[Finding]:
        """Reverse again what a reversal of import `of` had returned."""
        redeemed = {
            each.line: each
            for other in (self._evidence.parts_of(of) if lines else ())
            if other.chunk == part.chunk
            for each in self._evidence.results(other, Outcome.REDEEMED)
            if each.line in lines
        }
        for line, row in sorted(redeemed.items()):
            balance = self.flows.accounts.read([row.balance_key], _backoff()).get(row.balance_key)
            made = self._redemptions(balance, of) if balance is not None else []
            if not any(each.line == line and not each.reversed_by for each in made):
                continue
            subject = f"import {part.import_id}, line {line}, {_balance(row.balance_key)}"
            text = (
                f"{format_value(row.redeemed, row.unit)} {row.unit} was returned, but the balance does not "
                "contain that"
            )
            if not self.reapply:
                yield Finding(State.REAPPLY, subject, text)
                continue
            (result,) = self.flows.reverser.reverse(part.import_id, of, [row], _backoff())
            if result.outcome is Outcome.REVERSED:
                self.applied[row.unit] -= row.redeemed
                yield Finding(State.REPAIRED, subject, text)
            else:
                yield Finding(State.DECIDE, subject, f"{text}. {result.message}")


def _backoff() -> Backoff:
    return Backoff.for_seconds(600)


def _balance(key: BalanceKey) -> str:
    return f"account {key.account_id!r}, user {key.user_id!r}, unit {key.unit!r}"

"""Ids as they are stored: in NFC, or as they were given, if they were stored before version 0.2.

A text that is in NFC already, as nearly every one is, costs nothing here.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product, starmap

from rewards.adapters.accounts import Accounts
from rewards.adapters.retry import Backoff
from rewards.adapters.reward_registry import RewardRegistry
from rewards.adapters.units_in_use import UnitsInUse
from rewards.domain.balance import Balance, RedemptionRequest, find, find_by_reference, needs_history
from rewards.domain.balance_key import BalanceKey
from rewards.domain.id_limits import MAX_ID_BYTES
from rewards.domain.ids import time_of
from rewards.domain.redeem_row import history_needed_since
from rewards.domain.reward_rows import Grant
from rewards.domain.texts import normalised


class Spellings:
    """Finds the stored form of ids: the NFC form, unless only the given form is stored."""

    def __init__(self, accounts: Accounts, registry: RewardRegistry, units_in_use: UnitsInUse) -> None:
        self._accounts = accounts
        self._registry = registry
        self._units_in_use = units_in_use

    def reward_id(self, given: str, backoff: Backoff) -> str:
        """The stored form of a reward's id."""
        forms = _forms(given)
        if len(forms) == 1:
            return forms[0]
        claims = self._registry.read(forms, backoff)
        return next((form for form in forms if form in claims), forms[0])

    def unit(self, given: str) -> str:
        """The stored form of a unit."""
        forms = _forms(given)
        if len(forms) == 1:
            return forms[0]
        in_use = self._units_in_use.all()
        return next((form for form in forms if form in in_use), forms[0])

    def account_or_participant(
        self, account_id: str, user_id: str | None, backoff: Backoff
    ) -> tuple[str, str | None]:
        """The stored form of an account, or of one of its participants."""
        if user_id is not None:
            return self.participant(account_id, user_id, backoff)
        forms = _forms(account_id)
        if len(forms) > 1:
            forms = [*filter(lambda form: self._accounts.balances(form, None, None, backoff), forms), *forms]
        return forms[0], None

    def participant(self, account_id: str, user_id: str, backoff: Backoff) -> tuple[str, str]:
        """The stored form of a participant's account and user."""
        forms = list(product(_forms(account_id), _forms(user_id)))
        if len(forms) == 1:
            return forms[0]
        return next((form for form in forms if self._accounts.units_of(*form, backoff)), forms[0])

    def grant(self, grant: Grant, backoff: Backoff, known_only: bool = False) -> Grant:
        """The grant under the stored form of its ids; of one that was loaded before, under the form then.

        `known_only`: one that was not loaded before will not be loaded, so nothing else is looked up.
        """
        given = grant.balance_key
        if _all_normalised((*given, grant.reward.id)):
            return grant
        reward = replace(grant.reward, id=self.reward_id(grant.reward.id, backoff))
        claim = self._registry.read([reward.id], backoff).get(reward.id)
        before = claim.balance_key if claim else None
        if before is not None and [*map(normalised, before)] == [*map(normalised, given)]:
            account_id, user_id, unit = before
        elif known_only:
            return replace(grant, reward=reward)
        else:
            account_id, user_id = self.participant(grant.account_id, grant.user_id, backoff)
            unit = self.unit(grant.unit)
        return replace(grant, account_id=account_id, user_id=user_id, unit=unit, reward=reward)


def as_stored(
    row: RedemptionRequest, import_id: str, accounts: Accounts, backoff: Backoff
) -> RedemptionRequest:
    """The row under the stored form of its ids; one that was redeemed before, under the form then.

    A rowId stands for the ids as they are stored.
    """
    texts = (row.account_id, row.user_id, row.unit, row.program_id or "")
    if row.row_id is not None or _all_normalised(texts):
        return row
    keys = [*starmap(BalanceKey, product(_forms(row.account_id), _forms(row.user_id), _forms(row.unit)))]
    found = accounts.read(keys, backoff)
    balances = [found[key] for key in keys if key in found]
    again = (each for each in balances if _redeemed(each, row, import_id, accounts, backoff))
    balance = next(again, balances[0] if balances else Balance(*keys[0]))
    programs = {reward.program_id for reward in balance.rewards}
    forms = _forms(row.program_id) if row.program_id else [None]
    return replace(
        row,
        account_id=balance.account_id,
        user_id=balance.user_id,
        unit=balance.unit,
        program_id=next((form for form in forms if form in programs), forms[0]),
    )


def _redeemed(
    balance: Balance, row: RedemptionRequest, import_id: str, accounts: Accounts, backoff: Backoff
) -> bool:
    created = time_of(import_id)
    made = min(created, time_of(row.prior[0])) if row.prior else created
    since = history_needed_since(balance, row, made, created)
    past = accounts.history(balance, since, backoff) if needs_history(balance, since) else ()
    found = find(balance, row, import_id, past) or find_by_reference(balance, row, created, past)
    return found is not None


def _forms(given: str) -> list[str]:
    """The forms under which a text may be stored, the first of them for what is new."""
    normal = normalised(given)
    return [normal] if given == normal or len(given.encode()) > MAX_ID_BYTES else [normal, given]


def _all_normalised(texts: Iterable[str]) -> bool:
    return all(text.isascii() or text == normalised(text) for text in texts)

"""What reports keep of scanned pages, and how they read it again: records of text in a spool.

A record begins with account, user and unit, so that sorting it is sorting the report. A participant's
record has no unit, which puts it before that participant's balances: the sorted records are joined as
they pass, and nothing is looked up.
"""

from collections.abc import Callable, Iterable, Iterator

from rewards.adapters import balance_item
from rewards.adapters.scanner import AccountItem, Page
from rewards.domain.balance_key import BalanceKey
from rewards.domain.errors import ReadAgainError
from rewards.domain.packed import PackedRow, unpack
from rewards.domain.redemption import Reward
from rewards.domain.report import Facts
from rewards.domain.reward_rows import PARTICIPANT_FACTS
from rewards.tabular.external_sort import ExternalSort

_PREFIX = len(balance_item.BALANCE_PREFIX)  # as long as all others

FitsUnit = Callable[[str], bool] | None

_NOBODY: Facts = ("",) * len(PARTICIPANT_FACTS)


class TornScanError(ReadAgainError):
    """What a balance says it gave to history was not seen there.

    An account is read in the order of its keys, balances before history, so what goes to history
    meanwhile is seen. But a reversal takes rewards back out of it. The report is made again.
    """


def balances(
    page: Page[AccountItem], fits_unit: FitsUnit, spool: ExternalSort
) -> Iterator[tuple[AccountItem, str, str]]:
    """The items of balances whose unit fits, with user and unit; participants go to the spool."""
    for item in page.items:
        key = item.sk.S
        kind = key[:_PREFIX]
        if kind == balance_item.BALANCE_PREFIX:
            user_id, unit = balance_item.split_balance_key(key)
            if fits_unit is None or fits_unit(unit):
                yield item, user_id, unit
        elif kind == balance_item.PARTICIPANT_PREFIX:
            facts = (item.first_name.S, item.last_name.S, item.email.S, item.date_blocked.S, item.segments.S)
            spool.add((item.pk.S, key[_PREFIX:], "", *facts))


def history(page: Page[AccountItem], fits_unit: FitsUnit) -> Iterator[tuple[BalanceKey, int, list[Reward]]]:
    """History: whose it is, the balance's version when it was written, and its rewards."""
    for item in page.items:
        if item.sk.S.startswith(balance_item.HISTORY_PREFIX):
            key, version = balance_item.split_history_key(item.pk.S, item.sk.S)
            if fits_unit is None or fits_unit(key.unit):
                yield key, version, balance_item.decode_rewards(item.rewards.S)


def joined(records: Iterable[PackedRow]) -> Iterator[tuple[Facts, list[str]]]:
    """Sorted records of balances, each with what is known of its participant."""
    account_id = user_id = ""
    known = _NOBODY
    for packed in records:
        record = unpack(packed)
        if not record[2]:
            account_id, user_id, _, *known = record
        else:
            yield (known if record[1] == user_id and record[0] == account_id else _NOBODY), record


def key_of(record: tuple[Facts, list[str]]) -> BalanceKey:
    """Which balance a joined record is of."""
    return BalanceKey(*record[1][:3])

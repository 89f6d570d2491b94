"""What each kind of report reads, keeps and shows: scanned pages -> records in a spool -> rows.

A record begins with account, user and unit, so that sorting it is sorting the report. A participant's
record has no unit, which puts it before that participant's balances: the sorted records are joined as
they pass, and nothing is looked up.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Protocol

from rewards.adapters import balance_item
from rewards.adapters.batch_get import Item
from rewards.adapters.scanner import Page
from rewards.domain import report
from rewards.domain.balance_key import BalanceKey
from rewards.domain.cells import Cell
from rewards.domain.errors import ReadAgainError
from rewards.domain.filters import Filters
from rewards.domain.overview import Overview
from rewards.domain.redemption import Reward
from rewards.domain.report import Facts, Sums
from rewards.domain.reward_rows import PARTICIPANT_FACTS
from rewards.domain.row_ids import RowIdKeys, RowIdKeysError, RowIds
from rewards.domain.unit_totals import UnitTotals
from rewards.tabular.external_sort import ExternalSort

_PREFIX = len(balance_item.BALANCE_PREFIX)  # as long as all others

FitsUnit = Callable[[str], bool] | None

_NOBODY: Facts = ("",) * len(PARTICIPANT_FACTS)
_UNNAMED = ["", ""]


class TornScanError(ReadAgainError):
    """What a balance says it gave to history was not seen there.

    An account is read in the order of its keys, balances before history, so what goes to history
    meanwhile is seen. But a reversal takes rewards back out of it. The report is made again.
    """


class ReportBuilder(Protocol):
    """One kind of report. `rows` counts the rows it will have at most, `totals` what is available, in
    credits by unit, of the rows that were shown. `history` and `redemptions`: it reads those, too."""

    history: bool
    redemptions: bool
    rows: int
    totals: UnitTotals

    def collect(self, page: Page, spool: ExternalSort) -> None:
        """Keep what the report needs of a page of `Accounts`."""

    def show(self, records: Iterable[list[str]]) -> Iterator[list[Cell]]:
        """The rows, of sorted records."""


def report_builder(
    kind: str, export_id: str, filters: Filters, row_id_keys: Callable[[], RowIdKeys]
) -> ReportBuilder:
    """The builder for a type of report and its filters."""
    if kind == report.REWARDS:
        return RewardReport(filters)
    if kind == report.BALANCES:
        return BalanceReport(filters)
    row_ids = row_id_keys().of(export_id)
    if row_ids is None:
        raise RowIdKeysError(f"No rowId key had started when export {export_id} was requested.")
    return RedeemableReport(row_ids, filters)


class RedeemableReport:
    """Balances with something available: [account, user, unit, available, redeemed, next expiry].

    Without filters it gives the `overview` of all balances on the way.
    """

    history = redemptions = False

    def __init__(self, row_ids: RowIds, filters: Filters) -> None:
        self._row_ids = row_ids
        self._fits_unit = filters.unit_filter()
        self._program = filters.program_id
        self.overview = Overview() if filters == Filters() else None
        self.rows = 0
        self.totals = UnitTotals()

    def collect(self, page: Page, spool: ExternalSort) -> None:
        for item in _balances(page, self._fits_unit, spool):
            value, redeemed, expiry, expiring = balance_item.sum_rewards(
                item["rewards"]["S"], page.asked, page.answered, self._program
            )
            key = balance_item.whose(item)
            if self.overview is not None:
                self.overview.add(key.unit, value, expiring)
            if value > 0:
                self.rows += 1
                redeemed += balance_item.archived_redeemed(item)
                expires = "" if expiry is None else str(expiry)
                spool.add((*key, str(value), str(redeemed), expires))

    def show(self, records: Iterable[list[str]]) -> Iterator[list[Cell]]:
        for facts, (*key, value, redeemed, expiry) in _joined(records):
            credits = int(value)
            self.totals.add(key[2], credits)
            yield report.redeemable_row(
                BalanceKey(*key),
                credits,
                int(redeemed),
                int(expiry) if expiry else None,
                facts,
                self._row_ids,
                self._program,
            )


class BalanceReport:
    """Every balance: [account, user, unit, "B", version, last write, rewards in history, sums ...].

    For one program its rewards are summed, and for filters by date the first one is looked for, those of
    history pages too: [account, user, unit, "H", version, rewards, sums ...].
    """

    def __init__(self, filters: Filters) -> None:
        self._fits_unit = filters.unit_filter()
        self._fits_dates = filters.date_filter()
        self._program = filters.program_id
        self.history = filters.program_id is not None or filters.by_creation
        self.redemptions = filters.by_update
        self.rows = 0
        self.totals = UnitTotals()

    def collect(self, page: Page, spool: ExternalSort) -> None:
        for item in _balances(page, self._fits_unit, spool):
            balance = balance_item.decode(item)
            mine = [each for each in balance.rewards if self._program in (None, each.program_id)]
            found = report.sums(mine, page.asked, page.answered)
            gone = balance.archived
            if not self.history:
                found += Sums(0, gone.assigned, gone.redeemed, gone.expired)
            self.rows += not self.history or found.assigned > 0
            key = balance.key
            updated = balance_item.last_write(item) if self.redemptions else 0
            spool.add((*key, "B", *map(str, (balance.version, updated, gone.count, *_numbers(found)))))
        if self.history:
            for key, version, rewards in _pages(page, self._fits_unit):
                mine = [each for each in rewards if self._program in (None, each.program_id)]
                found = report.sums(mine, page.asked, page.answered)
                self.rows += found.assigned > 0  # a balance with many pages counts more than once
                spool.add((*key, "H", *map(str, (version, len(rewards), *_numbers(found)))))

    def show(self, records: Iterable[list[str]]) -> Iterator[list[Cell]]:
        for key, group in groupby(_joined(records), _key_of):
            facts, balance = next(group)
            if balance[3] == "H":
                continue  # the balance itself began after we passed its place
            version, updated, archived, *numbers = map(int, balance[4:])
            found = Sums(*numbers)
            if self.history:
                for _, page in group:
                    made, count, *numbers = map(int, page[4:])
                    if made <= version:
                        archived -= count
                        found += Sums(*numbers)
                if archived:
                    raise TornScanError(key)
                if found.assigned == 0:
                    continue  # it never had a reward of this program
            if self._fits_dates is not None and not self._fits_dates(found.first_given, updated):
                continue
            self.totals.add(key.unit, found.amount)
            yield report.balance_row(key, found, facts)


class RewardReport:
    """Every reward, also those in history, as of when its balance was read.

    [account, user, unit, "", "B", version, rewards in history, last write] of the balance;
    [account, user, unit, "", "H", version, rewards in history] for each history page;
    [account, user, unit, reward, "C", name, source] of the catalogue, where there is either;
    [account, user, unit, reward, "R", version of its history page or "", available, credits, dates, program].
    A page that is younger than the balance that was read repeats what that balance still had.
    """

    history = True

    def __init__(self, filters: Filters) -> None:
        self._fits_unit = filters.unit_filter()
        self._fits_dates = filters.date_filter()
        self._program = filters.program_id
        self.redemptions = filters.by_update
        self.rows = 0
        self.totals = UnitTotals()

    def collect(self, page: Page, spool: ExternalSort) -> None:
        for item in _balances(page, self._fits_unit, spool):
            balance = balance_item.decode(item)
            key = balance.key
            updated = balance_item.last_write(item) if self.redemptions else 0
            spool.add((*key, "", "B", *map(str, (balance.version, balance.archived.count, updated))))
            self._add(key, "", balance.rewards, page, spool)
        for key, version, rewards in _pages(page, self._fits_unit):
            spool.add((*key, "", "H", str(version), str(len(rewards))))
            self._add(key, str(version), rewards, page, spool)

    def collect_registry(self, page: Page, spool: ExternalSort) -> None:
        """Keep what a page of `Rewards` tells of rewards that the report may show."""
        for item in page.items:
            texts = {name: value["S"] for name, value in item.items()}
            name, source = texts.get("name", ""), texts.get("rewardSource", "")
            if (name or source) and (self._fits_unit is None or self._fits_unit(texts["unit"])):
                key = (texts["accountId"], texts["userId"], texts["unit"], texts["id"])
                spool.add((*key, "C", name, source))

    def _add(
        self,
        key: BalanceKey,
        version: str,
        rewards: Iterable[Reward],
        page: Page,
        spool: ExternalSort,
    ) -> None:
        mine = [each for each in rewards if self._program in (None, each.program_id)]
        available = {each.id for each in report.steady(mine, page.asked, page.answered)}
        for each in mine:
            self.rows += 1
            dates = (each.date_given, each.date_expires, each.date_scheduled_for, each.date_cancelled)
            spool.add(
                (
                    *key,
                    each.id,
                    "R",
                    version,
                    "available" if each.id in available else "",
                    str(each.assigned_credit),
                    str(each.left),
                    *("" if date is None else str(date) for date in dates),
                    each.program_id or "",
                )
            )

    def show(self, records: Iterable[list[str]]) -> Iterator[list[Cell]]:
        for key, group in groupby(_joined(records), _key_of):
            version, missing, updated = 0, 0, 0
            named: dict[str, list[str]] = {}
            for facts, (_, _, _, reward_id, what, *rest) in group:
                if what == "B":
                    version, missing, updated = map(int, rest)
                elif what == "H":
                    missing -= int(rest[1]) if int(rest[0]) <= version else 0
                elif what == "C":
                    named = {reward_id: rest}
                elif missing:
                    raise TornScanError(key)
                elif reward := self._fitting(reward_id, rest, version, updated):
                    if rest[1]:
                        self.totals.add(key.unit, reward.left)
                    name, source = named.get(reward_id, _UNNAMED)
                    yield report.reward_row(key, reward, name, source, facts)
            if missing:
                raise TornScanError(key)

    def _fitting(self, reward_id: str, rest: list[str], version: int, updated: int) -> Reward | None:
        """The reward in a record, unless its page repeats it or the filters leave it out."""
        if rest[0] and int(rest[0]) > version:
            return None
        reward = _reward(reward_id, rest[2:])
        fits = self._fits_dates is None or self._fits_dates(reward.date_given, updated)
        return reward if fits else None


def _balances(page: Page, fits_unit: FitsUnit, spool: ExternalSort) -> Iterator[Item]:
    """The items of balances whose unit fits; participants go to the spool."""
    for item in page.items:
        key = item["sk"]["S"]
        kind = key[:_PREFIX]
        if kind == balance_item.BALANCE_PREFIX:
            if fits_unit is None or fits_unit(balance_item.split_balance_key(key)[1]):
                yield item
        elif kind == balance_item.PARTICIPANT_PREFIX:
            facts = [item[name]["S"] if name in item else "" for name in PARTICIPANT_FACTS]
            spool.add((item["pk"]["S"], key[_PREFIX:], "", *facts))


def _pages(page: Page, fits_unit: FitsUnit) -> Iterator[tuple[BalanceKey, int, list[Reward]]]:
    """History: whose it is, the balance's version when it was written, and its rewards."""
    for item in page.items:
        if item["sk"]["S"].startswith(balance_item.HISTORY_PREFIX):
            key, version = balance_item.split_history_key(item)
            if fits_unit is None or fits_unit(key.unit):
                yield key, version, balance_item.decode_rewards(item["rewards"]["S"])


def _joined(records: Iterable[list[str]]) -> Iterator[tuple[Facts, list[str]]]:
    """Sorted records of balances, each with what is known of its participant."""
    account_id = user_id = ""
    known = _NOBODY
    for record in records:
        if not record[2]:
            account_id, user_id, _, *known = record
        else:
            yield (known if record[1] == user_id and record[0] == account_id else _NOBODY), record


def _key_of(joined: tuple[Facts, list[str]]) -> BalanceKey:
    return BalanceKey(*joined[1][:3])


def _numbers(found: Sums) -> tuple[int, int, int, int, int]:
    return found.amount, found.assigned, found.redeemed, found.expired, found.first_given


def _reward(reward_id: str, fields: list[str]) -> Reward:
    assigned, left, given, *dates, program = fields
    expires, scheduled, cancelled = (int(date) if date else None for date in dates)
    return Reward(
        0, reward_id, int(assigned), int(left), int(given), expires, scheduled, cancelled, program or None
    )

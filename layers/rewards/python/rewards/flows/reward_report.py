"""The report of every reward."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rewards.adapters import balance_item
from rewards.adapters.scanner import AccountItem, Page, RewardItem
from rewards.domain import report
from rewards.domain.balance_key import BalanceKey
from rewards.domain.filters import Filters
from rewards.domain.packed import PackedRow
from rewards.domain.redemption import Reward
from rewards.domain.unit_totals import UnitTotals
from rewards.flows.report_records import TornScanError, balances, history, joined, key_of
from rewards.tabular.external_sort import ExternalSort

_UNNAMED = ["", ""]


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

    def collect(self, page: Page[AccountItem], spool: ExternalSort) -> None:
        for scanned, _, _ in balances(page, self._fits_unit, spool):
            item = scanned.of_balance()
            balance = balance_item.decode(item)
            key = balance.key
            updated = balance_item.last_write(item) if self.redemptions else 0
            spool.add((*key, "", "B", *map(str, (balance.version, balance.archived.count, updated))))
            self._add(key, "", balance.rewards, page, spool)
        for key, version, rewards in history(page, self._fits_unit):
            spool.add((*key, "", "H", str(version), str(len(rewards))))
            self._add(key, str(version), rewards, page, spool)

    def collect_registry(self, page: Page[RewardItem], spool: ExternalSort) -> None:
        """Keep what a page of `Rewards` contains about rewards that the report may show."""
        for item in page.items:
            name, source = item.name.S, item.reward_source.S
            if (name or source) and (self._fits_unit is None or self._fits_unit(item.unit.S)):
                key = (item.account_id.S, item.user_id.S, item.unit.S, item.id.S)
                spool.add((*key, "C", name, source))

    def _add(
        self,
        key: BalanceKey,
        version: str,
        rewards: Iterable[Reward],
        page: Page[AccountItem],
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

    def show(self, records: Iterable[PackedRow]) -> Iterator[PackedRow]:
        for key, group in groupby(joined(records), key_of):
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


def _reward(reward_id: str, fields: list[str]) -> Reward:
    assigned, left, given, *dates, program = fields
    expires, scheduled, cancelled = (int(date) if date else None for date in dates)
    return Reward(
        0, reward_id, int(assigned), int(left), int(given), expires, scheduled, cancelled, program or None
    )

"""The reports of balances: scanned pages -> records in a spool (report_records.py) -> rows."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Protocol

from rewards.adapters import balance_item
from rewards.adapters.scanner import AccountItem, Page
from rewards.domain import report
from rewards.domain.dates import iso
from rewards.domain.filters import Filters
from rewards.domain.overview import Overview
from rewards.domain.packed import PackedRow, pack, unpack
from rewards.domain.report import Sums
from rewards.domain.reward_rows import PARTICIPANT_FACTS
from rewards.domain.row_ids import RowIdKeys, RowIdKeysError, RowIds
from rewards.domain.spreadsheet import neutralise
from rewards.domain.unit_totals import UnitTotals
from rewards.domain.units import format_value
from rewards.flows.report_records import TornScanError, balances, history, joined, key_of
from rewards.flows.reward_report import RewardReport
from rewards.tabular.external_sort import ExternalSort


class ReportBuilder(Protocol):
    """One kind of report. `rows` counts the rows it will have at most, `totals` what is available, in
    credits by unit, of the rows that are shown, once they are. `history` and `redemptions`: it reads those,
    too."""

    history: bool
    redemptions: bool
    rows: int
    totals: UnitTotals

    def collect(self, page: Page[AccountItem], spool: ExternalSort) -> None:
        """Keep what the report needs of a page of `Accounts`."""

    def show(self, records: Iterable[PackedRow]) -> Iterator[PackedRow]:
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
    """Balances with something available: [account, user, unit, available, redeemed, next expiry, rowId].

    Without filters it gives the `overview` of all balances on the way.
    """

    history = redemptions = False

    def __init__(self, row_ids: RowIds, filters: Filters) -> None:
        self._row_ids = row_ids
        self._fits_unit = filters.unit_filter()
        self._filters = filters
        self._program = filters.program_id
        self.overview = Overview() if filters == Filters() else None
        self.rows = 0
        self.totals = UnitTotals()

    def collect(self, page: Page[AccountItem], spool: ExternalSort) -> None:
        program, overview, make_row_id = self._program, self.overview, self._row_ids.make
        until, minimum = self._filters.available_until, self._filters.minimum_value
        totals = UnitTotals() if self._filters.by_participant else self.totals
        for item, user_id, unit in balances(page, self._fits_unit, spool):
            value, redeemed, expiry, expiring = balance_item.sum_rewards(
                item.rewards.S, page.asked, page.answered, program, until
            )
            if overview is not None:
                overview.add(unit, value, expiring)
            if value >= minimum:
                self.rows += 1
                totals.add(unit, value)
                account_id = item.pk.S
                redeemed += balance_item.archived_redeemed(item.archived.S)
                spool.add(
                    (
                        account_id,
                        user_id,
                        unit,
                        format_value(value, unit),
                        format_value(redeemed, unit),
                        "" if expiry is None else iso(expiry),
                        make_row_id(account_id, user_id, unit, program),
                    )
                )

    def show(self, records: Iterable[PackedRow]) -> Iterator[PackedRow]:
        row, program = report.redeemable_row, neutralise(pack([self._program or ""]))
        prefills = self._filters.prefills
        if self._filters.by_participant:
            records = self._of_fitting_participants(records)
        known_account = known_user = ""
        known = report.NO_PARTICIPANT
        for record in records:
            account_id, user_id, unit, *cells = record.split("\0")
            if not unit:
                known_account, known_user = account_id, user_id
                known = report.redeemable_participant(cells)
            elif user_id == known_user and account_id == known_account:
                yield row(known, account_id, user_id, unit, program, cells, prefills)
            else:
                yield row(report.NO_PARTICIPANT, account_id, user_id, unit, program, cells, prefills)

    def _of_fitting_participants(self, records: Iterable[PackedRow]) -> Iterator[PackedRow]:
        """Participants, and balances of those that fit; only now is it known which ones to count."""
        fits, whose = self._filters.fits_participant, ("", "")
        fits_unknown = fits_known = fits(("",) * len(PARTICIPANT_FACTS))
        for record in records:
            account_id, user_id, unit, *cells = unpack(record)
            if not unit:
                whose, fits_known = (account_id, user_id), fits(cells)
                yield record
            elif fits_known if whose == (account_id, user_id) else fits_unknown:
                self.totals.add(unit, int(cells[0].replace(".", "")))  # it has the unit's decimals
                yield record


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

    def collect(self, page: Page[AccountItem], spool: ExternalSort) -> None:
        for scanned, _, _ in balances(page, self._fits_unit, spool):
            item = scanned.of_balance()
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
            for key, version, rewards in history(page, self._fits_unit):
                mine = [each for each in rewards if self._program in (None, each.program_id)]
                found = report.sums(mine, page.asked, page.answered)
                self.rows += found.assigned > 0  # a balance with many pages counts more than once
                spool.add((*key, "H", *map(str, (version, len(rewards), *_numbers(found)))))

    def show(self, records: Iterable[PackedRow]) -> Iterator[PackedRow]:
        for key, group in groupby(joined(records), key_of):
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


def _numbers(found: Sums) -> tuple[int, int, int, int, int]:
    return found.amount, found.assigned, found.redeemed, found.expired, found.first_given

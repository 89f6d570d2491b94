"""The whole job on this machine, as an operator does it: python -m infra.local.demo

Loads rewards, creates the report, fills in valueToRedeem, uploads the file, reads the emails,
and uploads it again to show that nothing is redeemed twice. Every number is checked against
what the demo itself expects; it exits 0 only if all of them add up.
"""

import base64
import io
import json
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from openpyxl import load_workbook

from infra.local import stack
from infra.local.dataset import ACCOUNTS, DAY, PARTICIPANTS, write_rewards
from infra.local.ministack import Email
from rewards.adapters.accounts import Accounts
from rewards.adapters.retry import Backoff
from rewards.domain.balance_key import BalanceKey
from rewards.domain.dates import iso
from rewards.domain.redemption import Reward, statuses
from rewards.domain.units import decimals, format_value

T = TypeVar("T")

OPERATOR = "olivia@example.com"
WAIT_SECONDS = 110.0
ENDED = ("COMPLETED", "ABORTED")


class DemoError(Exception):
    """A number does not add up, or something did not come in time."""


class Operator:
    """What a person with a browser, a mailbox and a bucket can do."""

    def __init__(self, local: stack.Stack) -> None:
        self._local = local
        self._s3 = local.aws.client("s3")
        self._mails_read = 0

    def upload(self, folder: str, name: str, body: bytes) -> str:
        """Put a file into the upload bucket; the id of the import that it started."""
        before = self._imports()
        self._s3.put_object(
            Bucket=self._local.upload_bucket,
            Key=f"{folder}/{name}",
            Body=body,
            Metadata={"email": OPERATOR, "name": name},
        )
        return wait_for(lambda: next(iter(self._imports() - before), None), "the import")

    def _imports(self) -> set[str]:
        return {each["id"] for each in self.api("GET", "/import/history/list?limit=100")["data"]}

    def watch(self, import_id: str) -> dict[str, Any]:
        """Show an import's progress until it ends; its record."""

        record: dict[str, Any] = {}

        def ended() -> dict[str, Any] | None:
            record.update(self.api("GET", f"/import/{import_id}"))
            _show_bar(record["stats"]["processed"], record["stats"]["rows"], record["status"])
            return record if record["status"] in ENDED else None

        def progress() -> object:
            return record.get("status"), record.get("stats", {}).get("processed")

        wait_for(ended, "the end of the import", progress)
        print()
        return record

    def mail(self) -> Email:
        """The next email that arrives."""

        def arrived() -> Email | None:
            outbox = self._local.aws.outbox()
            return outbox[self._mails_read] if len(outbox) > self._mails_read else None

        email = wait_for(arrived, "an email")
        self._mails_read += 1
        check(email.to == [OPERATOR] or email.to == ["operators@example.com"], f"mail to {email.to}")
        print(f"    Email to {', '.join(email.to)}: {email.subject}")
        if self._mails_read == 1:  # the others have the same form
            print("".join(f"    | {line}\n" for line in email.text.splitlines() if line))
        return email

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Call the REST API with the API key; the parsed response."""
        token = base64.b64encode(f":{self._local.api_key}".encode()).decode()
        request = urllib.request.Request(
            self._local.api + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def balances(self, keys: list[BalanceKey]) -> dict[BalanceKey, list[Reward]]:
        """The rewards of some balances, straight from the table."""
        accounts = Accounts(self._local.aws.client("dynamodb"), self._local.resources["AccountsTable"])
        return {key: balance.rewards for key, balance in accounts.read(keys, Backoff.for_seconds(10)).items()}


def wait_for(
    condition: Callable[[], T | None], what: str, progress: Callable[[], object] = lambda: None
) -> T:
    """Return what the condition finds; fail if for WAIT_SECONDS there is neither that nor progress."""
    deadline = time.monotonic() + WAIT_SECONDS
    seen = progress()
    while time.monotonic() < deadline:
        found = condition()
        if found is not None:
            return found
        if (now := progress()) != seen:
            seen, deadline = now, time.monotonic() + WAIT_SECONDS
        time.sleep(0.1)
    raise DemoError(f"{what} did not come within {WAIT_SECONDS:.0f} s")


def check(holds: bool, what: str) -> None:
    if not holds:
        raise DemoError(f"does not add up: {what}")


def step(title: str) -> None:
    print(f"\n\033[1m== {title}\033[0m" if sys.stdout.isatty() else f"\n== {title}", flush=True)


def links(email: Email) -> list[str]:
    return re.findall(r"https?://\S+/download/\S+", email.text)


def download(url: str) -> bytes:
    """What a link in an email gives; no password is needed."""
    with urllib.request.urlopen(url, timeout=30) as response:
        body: bytes = response.read()
    return body


def read_csv(content: bytes) -> pd.DataFrame:
    """All cells as the text they are, so that no id loses its zeros and no value its digits."""
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8-sig")


def main() -> int:
    started = time.monotonic()
    with stack.start() as local:
        print(f"The stack was deployed in {time.monotonic() - started:.1f} s on {local.aws.endpoint}.")
        try:
            show(Operator(local))
        except (DemoError, urllib.error.URLError) as error:
            print(f"\nThe demo failed: {error}\n\nThe end of the stack's log:\n{local.aws.log()[-3000:]}")
            return 1
    print(f"\nEvery number adds up. {time.monotonic() - started:.0f} s; nothing is left running.")
    print("Try next: `make up` starts a stack and prints how to use it; `make test` runs all tests.")
    return 0


def show(operator: Operator) -> None:
    now = time.time_ns() // 1_000_000
    load(operator, now // DAY * DAY)
    report = order_report(operator)
    filled, expected, spent = fill_in(report)
    standing = operator.balances(list(spent))
    samples = [key for key in spent if len(standing[key]) >= 3][:3]
    before = {key: standing[key] for key in samples}
    redeem(operator, filled, expected, spent)
    show_rewards(before, operator.balances(samples), spent, now)
    upload_again(operator, filled, spent)
    compare_reports(operator, report, spent)


def load(operator: Operator, today: int) -> None:
    step(f"Load rewards of {PARTICIPANTS:,} participants in {ACCOUNTS:,} accounts")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "rewards.csv")
        rows = write_rewards(path, today)
        record = operator.watch(operator.upload("rewards", path.name, path.read_bytes()))
    check(record["stats"]["outcomes"] == {"LOADED": rows}, f"{rows} rewards, {record['stats']['outcomes']}")
    operator.mail()


def order_report(operator: Operator) -> pd.DataFrame:
    step("Create the report of all available balances, as XLSX and as CSV")
    frames = {}
    for file_format in ("XLSX", "CSV"):
        request = {
            "type": "REDEEMABLE_REWARD_BALANCE",
            "format": file_format,
            "name": f"November payout ({file_format})",
        }
        operator.api("POST", "/export", request)
        content = download(links(operator.mail())[0])
        if file_format == "CSV":
            frames[file_format] = read_csv(content)
        else:
            sheet = load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
            header, *rows = sheet.iter_rows(values_only=True)
            frames[file_format] = pd.DataFrame(
                [["" if cell is None else str(cell) for cell in row] for row in rows], columns=list(header)
            )
    csv_report, workbook = frames["CSV"], frames["XLSX"]
    check(len(csv_report) == len(workbook), "both formats have the same rows")
    for column in ("accountId", "userId", "unit", "nextExpiry"):
        check(list(csv_report[column]) == list(workbook[column]), f"both formats agree on {column}")
    check(
        [Decimal(v) for v in csv_report["availableValue"]]
        == [Decimal(v) for v in workbook["availableValue"]],
        "both formats agree on values",
    )
    print(
        csv_report[["accountId", "userId", "unit", "availableValue", "nextExpiry"]]
        .head(5)
        .to_string(index=False)
    )
    print(f"... {len(csv_report):,} rows, the same in both files")
    return csv_report


def fill_in(report: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str], dict[BalanceKey, int]]:
    """Fill in valueToRedeem as a person would, mistakes included.

    Returns the sheet, how many rows of each outcome it must give, and the credits each balance gives.
    """
    step("Fill in valueToRedeem: whole balances, parts of them, and every mistake that a file can bring")
    sheet = report.copy()
    spent: dict[BalanceKey, int] = {}
    expected: Counter[str] = Counter()
    mistakes = range(9)  # these rows are kept for the mistakes below
    for place in range(len(sheet)):
        if place in mistakes:
            continue
        if place % 3 == 0:
            expected["UNCHANGED"] += 1
            continue
        row = sheet.loc[place]
        credits = int(Decimal(row["availableValue"]).scaleb(decimals(row["unit"])))
        part = credits if place % 3 == 1 else max(1, credits * 2 // 5)
        sheet.loc[place, "valueToRedeem"] = format_value(part, row["unit"])
        spent[BalanceKey(row["accountId"], row["userId"], row["unit"])] = part
        expected["REDEEMED"] += 1

    def mistake(place: int, outcome: str, **cells: str) -> None:
        for column, text in cells.items():
            sheet.loc[place, column] = text
        expected[outcome] += 1

    mistake(0, "INVALID_VALUE", valueToRedeem="ten")
    mistake(1, "NOT_POSITIVE", valueToRedeem="-5")
    mistake(2, "TRUNCATES_TO_ZERO", valueToRedeem="0.0001")
    mistake(3, "MISSING_FIELD", valueToRedeem="1", userId="")
    mistake(4, "ROW_CHANGED", valueToRedeem="1", accountId="another account")
    mistake(5, "INSUFFICIENT_BALANCE", valueToRedeem="99999999")
    mistake(6, "NO_BALANCE", valueToRedeem="1", userId="nobody@example.com", rowId="")
    mistake(7, "UNIT_MISMATCH", valueToRedeem="1", unit="TICKET", rowId="")
    wanting = [place for place in range(9, len(sheet)) if sheet.loc[place, "valueToRedeem"] != "0"]
    twice, damaged = wanting[0], wanting[1]
    # A spreadsheet took the zeros: no mistake, for the rowId knows better.
    sheet.loc[damaged, "accountId"] = str(int(sheet.loc[damaged, "accountId"]))
    sheet.loc[8] = sheet.loc[twice]
    # The copy stands first, so it is the one that counts.
    expected["DUPLICATE_ROW"] += 1
    for outcome, count in sorted(expected.items()):
        print(f"  {count:6,} x {outcome}")
    return sheet, expected, spent


def redeem(
    operator: Operator, sheet: pd.DataFrame, expected: Counter[str], spent: dict[BalanceKey, int]
) -> None:
    step("Upload it")
    record = operator.watch(operator.upload("redemptions", "payout.csv", to_csv(sheet)))
    stats = record["stats"]
    check(stats["outcomes"] == dict(expected), f"outcomes {stats['outcomes']}")
    check(stats["rows"] == stats["processed"] == len(sheet), "every row was processed once")
    check({unit: int(v) for unit, v in stats["redeemed"].items()} == per_unit(spent), "the totals redeemed")
    results_link, failed_link = links(operator.mail())
    results, failed = read_csv(download(results_link)), read_csv(download(failed_link))
    check(list(results["accountId"]) == list(sheet["accountId"]), "results.csv has the upload's order")
    check(Counter(results["outcome"]) == expected, "results.csv has every outcome")
    check(
        len(failed) == sum(n for o, n in expected.items() if o not in ("REDEEMED", "UNCHANGED")), "failed.csv"
    )
    print("    failed.csv:")
    for _, row in failed.iterrows():
        print(f"    {row['valueToRedeem']:>10} {row['unit']:<10} {row['outcome']:<21} {row['message'][:60]}")


def show_rewards(
    before: dict[BalanceKey, list[Reward]],
    after: dict[BalanceKey, list[Reward]],
    spent: dict[BalanceKey, int],
    now: int,
) -> None:
    step("Three participants, reward by reward, in the order in which they are spent")
    for key, rewards in before.items():
        account, user, unit = key
        print(f"  {user} ({account}): redeemed {format_value(spent[key], unit)} {unit}")
        left = {reward.id: reward.left for reward in after[key]}
        partial = False
        for reward in rewards:
            expiry = iso(reward.date_expires)[:10] if reward.date_expires is not None else "never"
            state = "/".join(sorted(statuses(reward, now)))
            remains = left.get(reward.id, 0)
            print(
                f"    expires {expiry:<10}  {state:<16} {format_value(reward.left, unit):>10}"
                f" -> {format_value(remains, unit):>10}"
            )
            if state == "AVAILABLE":
                check(
                    not (partial and remains != reward.left), "a later reward was spent before an earlier one"
                )
                partial = partial or remains > 0
            else:
                check(remains == reward.left, "only available rewards are spent")
        gone = sum(reward.left - left.get(reward.id, 0) for reward in rewards)
        check(gone == spent[key], f"{user} gave {gone}, not {spent[key]}")


def upload_again(operator: Operator, sheet: pd.DataFrame, spent: dict[BalanceKey, int]) -> None:
    step("Upload the very same file again")
    record = operator.watch(operator.upload("redemptions", "payout.csv", to_csv(sheet)))
    check(record["status"] == "ABORTED" and record["error"]["code"] == "DUPLICATE_FILE", f"{record}")
    operator.mail()
    step("Sort it in another order, leave out the rows without rowId, and upload it a third time")
    again = sheet[sheet["rowId"] != ""].sort_values("email", ascending=False)
    record = operator.watch(operator.upload("redemptions", "payout-sorted.csv", to_csv(again)))
    outcomes = record["stats"]["outcomes"]
    check(outcomes["ALREADY_REDEEMED"] == len(spent), f"outcomes {outcomes}")
    check(record["stats"]["redeemed"] == {}, "nothing was redeemed twice")
    print("    This is harmless: a rowId redeems once, and the balance records each rowId that was redeemed.")
    operator.mail()


def compare_reports(operator: Operator, report: pd.DataFrame, spent: dict[BalanceKey, int]) -> None:
    step("Create the report again: every balance is smaller by what was redeemed, and no other has changed")
    operator.api("POST", "/export", {"type": "REDEEMABLE_REWARD_BALANCE", "name": "After the payout"})
    after = read_csv(download(links(operator.mail())[0]))
    left = {key: credits - spent.get(key, 0) for key, credits in credits_of(report).items()}
    check(
        credits_of(after) == {key: credits for key, credits in left.items() if credits}, "the balances after"
    )
    print(f"  {'unit':<12} {'before':>14} {'redeemed':>14} {'after':>14}")
    totals = [per_unit(each) for each in (credits_of(report), spent, credits_of(after))]
    for unit in totals[0]:
        print(f"  {unit:<12}" + "".join(f" {format_value(total.get(unit, 0), unit):>14}" for total in totals))


def credits_of(report: pd.DataFrame) -> dict[BalanceKey, int]:
    """Credits of each balance in a report."""
    return {
        BalanceKey(account, user, unit): int(Decimal(value).scaleb(decimals(unit)))
        for account, user, unit, value in zip(
            report["accountId"], report["userId"], report["unit"], report["availableValue"], strict=True
        )
    }


def per_unit(credits_by_balance: dict[BalanceKey, int]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for (_, _, unit), credits in sorted(credits_by_balance.items(), key=lambda each: each[0][2]):
        totals[unit] += credits
    return dict(totals)


def to_csv(sheet: pd.DataFrame) -> bytes:
    content: str = sheet.to_csv(index=False, lineterminator="\r\n")
    return content.encode("utf-8-sig")


def _show_bar(done: int, total: int, status: str) -> None:
    width = 40
    filled = width * done // total if total else 0
    line = f"  [{'#' * filled}{'.' * (width - filled)}] {done:,} of {total:,} rows, {status}"
    if sys.stdout.isatty():
        print(f"\r{line:<90}", end="", flush=True)
    elif status in ENDED:
        print(line, end="")


if __name__ == "__main__":
    sys.exit(main())

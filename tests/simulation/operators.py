"""What people do to the system: a registry of actions, drawn at random.

To add one (a cancel, a reversal, an API debit ...), write a function with `@action(weight)`. It
gets the operator; what it does runs as a process, so it may wait, and API calls answer later.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from tests.simulation import ledger
from tests.simulation.auditor import Auditor
from tests.simulation.kernel import DAY, HOUR, MINUTE, SECOND
from tests.simulation.lambdas import ROOT
from tests.simulation.ledger import Line
from tests.simulation.ledger_model import Request
from tests.simulation.world import FILES, World

ACTIONS: dict[str, tuple[float, Callable[["Operator"], None]]] = {}

ACCOUNTS = ("acme", "Bolt & Söhne")
USERS = ("ann", "bob", "@dan", "zoë#1")
UNITS = ("CASH/USD", "POINT", "CREDIT/KWD")
PLACES = {"CASH/USD": 2, "POINT": 0, "CREDIT/KWD": 3}
PROGRAMS = ("", "refer", "loyal")

NEEDED = ("accountId", "userId", "unit", "valueToRedeem")
REWARD_COLUMNS = (
    "id",
    "type",
    "unit",
    "assignedCredit",
    "user.id",
    "user.accountId",
    "redeemedCredit",
    "programId",
    "dateGiven",
    "dateScheduledFor",
    "dateExpires",
    "dateCancelled",
    "user.firstName",
    "user.dateBlocked",
)

Row = dict[str, str]


def action(weight: float) -> Callable[[Callable[["Operator"], None]], Callable[["Operator"], None]]:
    """Register something that an operator may do; it is drawn in proportion to its weight."""

    def register(function: Callable[["Operator"], None]) -> Callable[["Operator"], None]:
        ACTIONS[function.__name__] = weight, function
        return function

    return register


class Operator:
    """Does some things, one after the other, while what they began goes on."""

    def __init__(self, name: str, world: World, actions: int, auditor: Auditor) -> None:
        self.name = name
        self.world = world
        self.auditor = auditor
        self.random = world.kernel.people
        self._keys = 0
        self.uploads: list[tuple[str, bytes]] = []
        self.rewards: list[Row] = []
        # Few balances get long histories, many get wide files.
        self.users = USERS[: self.random.choice([1, 2, 3, 4])]
        self.units = UNITS[: self.random.choice([1, 2, 3])]
        # What is scarce is rejected, and given when something new was loaded meanwhile.
        self.greed = self.random.choice([0.05, 0.4])
        self.done = False
        self._left = actions

    def work(self) -> None:
        load_rewards(self)
        self.pause(MINUTE, 10 * MINUTE)
        order_report(self)
        self.pause(MINUTE, 10 * MINUTE)
        names = list(ACTIONS)
        weights = [ACTIONS[name][0] for name in names]
        for _ in range(self._left):
            (name,) = self.random.choices(names, weights)
            self.world.kernel.count[f"action {name}"] += 1
            ACTIONS[name][1](self)
            # Mostly at once, so that things overlap; sometimes hours or days later.
            self.pause(
                *self.random.choice([(1, SECOND)] * 6 + [(1, 20 * MINUTE), (1, 12 * HOUR), (1, 4 * DAY)])
            )
        self.done = True

    def pause(self, least: int, most: int) -> None:
        self.world.kernel.sleep(self.random.randint(least, most))

    # --- What they can do ---

    def upload(self, key: str, body: bytes, expected: str | None = None) -> None:
        self.uploads.append((key, body))
        totals = {} if expected is None else {"expected": expected}
        self.world.upload(key, body, email="operator@example.com", **totals)

    def some_totals(self, lines: list[Line]) -> str | None:
        """Control totals for one file in five: of all or some kinds, and mostly right."""
        draw = self.random.random()
        if draw < 0.8 or not lines:
            return None
        totals = ledger.control_totals(lines)
        if draw < 0.84:
            totals = {"rows": totals["rows"]}
        elif draw < 0.88:
            totals.pop("rows")
        names = list(totals) or ["rows"]
        self.random.shuffle(names)
        if self.random.random() < 0.25:
            name = names[0]
            others = [str(int(Decimal(totals.get(name, "0"))) + 1), "0", "many", "-1", ""]
            totals[name] = self.random.choice(others)
        return ";".join(f"{name}={totals.get(name, '0')}" for name in names)

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        done: Callable[[Any], None] = lambda response: None,
        key: str | None = None,
        tries: int = 1,
        granted: dict[str, str] | None = None,
    ) -> None:
        """Call the REST API; `done` gets the answer's JSON of a success. Without an answer, or with one
        of 500 and above, it is called again, as often as `tries` says."""
        event = json.loads((ROOT / "events" / "api-export.json").read_text())
        full = f"/api/v1/default{path}"
        event.update(rawPath=full, body=json.dumps(body) if body else None)
        event["requestContext"]["http"].update(method=method, path=full)
        if granted is not None:
            event["requestContext"]["authorizer"]["lambda"] = granted
        if key is not None:
            event["headers"]["idempotency-key"] = key

        def answered(response: Any, error: str | None) -> None:
            status = response["statusCode"] if error is None else 502
            self.world.kernel.tell("operator", f"{method} {path} is answered {status}")
            self.world.kernel.count[f"answer {status // 100}xx"] += 1
            if status < 300:
                done(json.loads(response["body"]))
            if (status >= 500 or self.random.random() < 0.1) and tries > 1:
                again = partial(self.api, method, path, body, done, key, tries - 1, granted)
                self.world.kernel.after(self.random.randint(1, 2 * MINUTE), again)

        self.world.lambdas.invoke(self.world.functions["api"], event, answered)

    def ask(self, method: str, path: str, body: Any, request: Request) -> None:
        """Call the API for something that the auditor watches; now and then twice at once."""
        self.auditor.ask(request)
        for _ in range(self.random.choice([1, 1, 1, 2])):
            self.api(method, path, body, partial(self.auditor.responded, request), request.key, tries=3)

    def save(self, kind: str, job_id: str, is_ended: bool) -> None:
        """Do what the runbook says of a job that the sweep cannot help."""
        if kind == "EXPORT":
            body = {"version": 2, "kind": "report", "exportId": job_id}
            self.world.sqs.put("export-queue", json.dumps(body))
        elif is_ended:  # only its email is missing
            body = {"version": 2, "kind": "finish", "importId": job_id}
            self.world.sqs.put("finish-queue", json.dumps(body))
        else:
            self.api("POST", f"/import/{job_id}/resume", tries=3)

    def imports(self) -> list[str]:
        """The ids of all imports."""
        jobs = self.world.dynamodb.tables["jobs"].items
        return [pk.removeprefix("IMPORT#") for pk, sk in jobs if pk.startswith("IMPORT#") and sk == "META"]

    def key(self) -> str:
        """A new Idempotency-Key."""
        self._keys += 1
        return f"{self.name}-{self._keys}"

    def csv_of(self, key: str) -> tuple[list[str], list[Row]]:
        """A file that the system made, as a spreadsheet shows it."""
        body = self.world.s3.newest(FILES, key) or b""
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        rows = list(reader)
        return list(reader.fieldnames or ()), rows

    def files(self, prefix: str, name: str) -> list[str]:
        """Keys of files that the system made, oldest first."""
        objects = self.world.s3.buckets[FILES].objects
        return [key for key in objects if key.startswith(prefix) and key.endswith(name)]

    def some_value(self, unit: str, available: str) -> str:
        """A value to redeem: mostly what can be, in part or whole, now and then too much or nonsense."""
        places = PLACES.get(unit, 0)
        most = int(available.replace(".", "") or "0") if available else 500
        draw = self.random.random()
        if draw < 0.08:
            return self.random.choice(["", "0", "abc", "-5", "1e3", "0.0001", "0.00"])
        if draw < 0.08 + self.greed:
            most *= 3
        if draw < 0.18 + self.greed:
            return shown(max(most, 1), places)
        credits = self.random.randint(1, max(1, most // self.random.choice([1, 5, 20, 50])))
        beyond = self.random.choice(["", "", "", "9"])  # a digit that is to be cut off, never rounded
        return shown(credits, places) + (beyond if places else f".{beyond}" if beyond else "")


class Approvers:
    """Two people of the group `approvers`. One is named by each upload, so must not decide about it."""

    CAROL = "carol@example.com"
    NAMED = "operator@example.com"

    def __init__(self, operator: Operator, auditor: Auditor) -> None:
        self._operator = operator
        self._auditor = auditor
        self._random = operator.world.kernel.people

    def work(self, is_over: Callable[[], bool]) -> None:
        """Look at what waits, now and then, and decide about some of it, some of it at the same time."""
        while not is_over():
            self._operator.pause(SECOND, 2 * HOUR)
            for import_id in self._auditor.waiting():
                draw = self._random.random()
                if draw < 0.15:
                    self._decide(import_id, "approve", self.NAMED)
                if draw < 0.6:
                    self._decide(import_id, "approve", self.CAROL)
                if 0.55 < draw < 0.65:
                    self._decide(import_id, "reject", self.CAROL)
                if 0.65 < draw < 0.7:
                    _cancel(self._operator, import_id)

    def decide(self, import_id: str) -> None:
        """Decide at last."""
        self._decide(import_id, self._random.choice(["approve", "approve", "reject"]), self.CAROL)

    def _decide(self, import_id: str, decision: str, email: str) -> None:
        granted = {"scopes": "approve read", "user": f"sub-{email}", "email": email}
        body = {"reason": "no"} if decision == "reject" else {}
        self._operator.api("POST", f"/import/{import_id}/{decision}", body, tries=3, granted=granted)


def shown(credits: int, places: int) -> str:
    digits = str(credits).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def sheet(columns: Iterable[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


# --- Actions ---


@action(3)
def load_rewards(operator: Operator) -> None:
    """New rewards, and some that are there already, or belong to somebody else."""
    random, now = operator.random, operator.world.kernel.now
    rows = []
    for _ in range(random.randint(4, 20)):
        if operator.rewards and random.random() < 0.15:
            row = dict(random.choice(operator.rewards))
            if random.random() < 0.3:
                row["user.id"] = random.choice(USERS)
        else:
            assigned = random.choice([5, 1000, 123_456])
            row = {
                "id": f"reward-{len(operator.rewards):04d}-{'x' * random.choice([0, 10, 45])}",
                "type": random.choice(["CREDIT"] * 20 + ["FUELTANK"]),
                "unit": random.choice(operator.units),
                "assignedCredit": random.choice([str(assigned)] * 15 + ["0", "ten"]),
                "user.id": random.choice(operator.users),
                "user.accountId": random.choice(ACCOUNTS[:1] * 5 + ACCOUNTS[1:]),
                "redeemedCredit": random.choice([""] * 8 + ["0", str(assigned // 2), str(assigned)]),
                "programId": random.choice(PROGRAMS),
                "dateGiven": str(now - random.randint(0, 400) * DAY),
                "dateScheduledFor": random.choice([""] * 6 + [str(now + random.randint(1, 30) * HOUR)]),
                "dateExpires": random.choice(
                    [
                        "",
                        "",
                        str(now + random.randint(1, 300) * DAY),
                        str(now + random.randint(1, 48 * 60) * MINUTE),
                    ]
                ),
                "dateCancelled": random.choice([""] * 15 + [str(now - DAY)]),
                "user.firstName": random.choice(["", "Ann", "=Zoë"]),
                "user.dateBlocked": "2026-11-01" if len(operator.rewards) % 17 == 16 else "",
            }
            if len(operator.rewards) % 23 == 22:
                row["unit"] = ledger.MISSPELT
            operator.rewards.append(row)
        rows.append(row)
    body = sheet(REWARD_COLUMNS, rows)
    # Without the first rewards there would be nothing to redeem.
    expected = operator.some_totals(ledger.reward_lines(body)) if operator.uploads else None
    operator.upload(f"rewards/rewards {len(operator.uploads)}.csv", body, expected)


@action(3)
def order_report(operator: Operator) -> None:
    """The report of all balances, or of some."""
    random = operator.random
    params: Row = {}
    if random.random() < 0.1:
        params["unit"] = random.choice(UNITS)
    if random.random() < 0.15:
        params["programId"] = random.choice(PROGRAMS[1:])
    if random.random() < 0.1:
        params["availableUntil"] = operator.world.kernel.now + random.randint(-1, 200) * DAY
    if "unit" in params and random.random() < 0.5:
        params["minimumValue"] = random.randint(0, 3_000)
    if random.random() < 0.1:
        params["prefill"] = "AVAILABLE"
    asked = {"type": "REDEEMABLE_REWARD_BALANCE", "format": "CSV", "params": params}
    operator.api("POST", "/export", asked, lambda response: operator.auditor.exports.add(response["id"]))


@action(8)
def redeem_report(operator: Operator) -> None:
    """A report comes back filled in: whole or in part, sorted otherwise, edited where it must not be."""
    random = operator.random
    keys = [key for key in operator.files("exports/", ".csv") if len(operator.csv_of(key)[1])]
    # The newest mostly; an old one is a report that was redeemed before.
    found = operator.csv_of(random.choice(keys[-2:] if random.random() < 0.6 else keys)) if keys else None
    if found is None:
        return
    columns, rows = found
    rows = [{**row, "valueToRedeem": operator.some_value(row["unit"], row["availableValue"])} for row in rows]
    if random.random() < 0.3:
        rows = random.sample(rows, random.randint(min(1, len(rows)), len(rows)))
    if random.random() < 0.3:
        random.shuffle(rows)
    if random.random() < 0.2 and len(rows) > 1:  # only one column was sorted
        row, other = random.sample(rows, 2)
        row["userId"], other["userId"] = other["userId"], row["userId"]
    if random.random() < 0.2 and rows:
        rows.insert(random.randrange(len(rows) + 1), dict(random.choice(rows)))
    if random.random() < 0.1 and rows:
        random.choice(rows)[random.choice(NEEDED[:3])] = ""
    if random.random() < 0.15:
        columns = [column for column in columns if column != "rowId"]
    if random.random() < 0.2:
        columns = [*columns, "reference"]
        rows = [{**row, "reference": random.choice(["", "payment-1", "payment-2"])} for row in rows]
    _upload_redemptions(operator, sheet(columns, rows))


@action(3)
def redeem_by_hand(operator: Operator) -> None:
    """A file that somebody wrote: no rowIds, small values of few balances, again and again."""
    random = operator.random
    rows = []
    for _ in range(random.randint(1, 8)):
        unit = random.choice([*UNITS, "TICKET"] if random.random() < 0.1 else operator.units[:2])
        rows.append(
            {
                "accountId": random.choice(ACCOUNTS[:1] * 5 + ACCOUNTS[1:]),
                "userId": random.choice([*USERS, "nobody"] if random.random() < 0.1 else operator.users),
                "unit": unit,
                "valueToRedeem": operator.some_value(unit, random.choice(["1", "9", "120", ""])),
                "programId": random.choice(["", "", *PROGRAMS]),
                "note": f"payout {len(operator.uploads)}",
            }
        )
    columns = [*NEEDED, "note", *(["programId"] if random.random() < 0.4 else [])]
    if random.random() < 0.4:
        columns.append("reference")
        for row in rows:
            row["reference"] = random.choice(["", "payment-1", "payment-2", "payment-3"])
    _upload_redemptions(operator, sheet(columns, rows))


@action(4)
def upload_again(operator: Operator) -> None:
    """The very bytes of an earlier file, under its old name or a new one."""
    if not operator.uploads:
        return
    key, body = operator.random.choice(operator.uploads)
    folder, name = key.split("/")
    if operator.random.random() < 0.5:
        name = f"again {len(operator.uploads)} {name}"
    operator.upload(f"{folder}/{name}", body)


@action(3)
def upload_sorted_otherwise(operator: Operator) -> None:
    """The rows of an earlier redemption, in another order."""
    earlier = [body for key, body in operator.uploads if key.startswith("redemptions/")]
    if not earlier:
        return
    header, *lines = operator.random.choice(earlier).decode().split("\r\n")
    lines = [line for line in lines if line]
    operator.random.shuffle(lines)
    _upload_redemptions(operator, "\r\n".join([header, *lines, ""]).encode())


@action(4)
def upload_corrected_failures(operator: Operator) -> None:
    """A failed.csv comes back, with its values corrected, or as it is."""
    keys = operator.files("imports/", "failed.csv")
    found = operator.csv_of(operator.random.choice(keys)) if keys else None
    if found is None or "valueToRedeem" not in found[0]:
        return
    columns, rows = found
    for row in rows:
        if operator.random.random() < 0.7:
            row["valueToRedeem"] = operator.random.choice(["1", "2", "0.01", ""])
    _upload_redemptions(operator, sheet(columns, rows))


def _upload_redemptions(operator: Operator, body: bytes) -> None:
    folder = "preview" if operator.random.random() < 0.1 else "redemptions"
    expected = operator.some_totals(ledger.redemption_lines(body, {}))
    if expected is not None and operator.random.random() < 0.15:  # its last row is lost on the way
        body = b"".join(body.splitlines(keepends=True)[:-1])
    operator.upload(f"{folder}/payout {len(operator.uploads)}.csv", body, expected)


# --- By the API, each request at most once ---


@action(2)
def debit_a_balance(operator: Operator) -> None:
    """An amount from a participant, or from all of an account as if they were one."""
    random = operator.random
    account, unit = random.choice(ACCOUNTS[:1] * 5 + ACCOUNTS[1:]), random.choice(operator.units)
    user, amount = random.choice(["", *operator.users]), random.choice([1, 7, 50, 900])
    body = {"accountId": account, "unit": unit, "amount": amount, **({"userId": user} if user else {})}
    request = Request("debit", operator.key(), "", account, user, unit, amount)
    operator.ask("POST", "/credit/bulkredeem", body, request)


@action(1.5)
def redeem_a_reward(operator: Operator) -> None:
    """An amount from one reward."""
    row = operator.random.choice(operator.rewards)
    amount = operator.random.choice([1, 3, 5, 400])
    request = Request("redeem", operator.key(), row["id"], unit=row["unit"], amount=amount)
    body = {"amount": amount, "unit": row["unit"]}
    operator.ask("POST", f"/credit/{quote(row['id'])}/redeem", body, request)


@action(1.5)
def create_a_reward(operator: Operator) -> None:
    """A reward for a participant, known or not."""
    random = operator.random
    account, user = random.choice(ACCOUNTS), random.choice(operator.users)
    unit, amount = random.choice(operator.units), random.choice([5, 1000])
    body = {"type": "CREDIT", "unit": unit, "assignedCredit": amount}
    request = Request("create", operator.key(), "", account, user, unit, amount)
    operator.ask("POST", f"/rewards/account/{account}/user/{user}", body, request)


@action(1)
def cancel_a_reward(operator: Operator) -> None:
    """What is left of it cannot be redeemed any more."""
    row = operator.random.choice(operator.rewards)
    request = Request("cancel", operator.key(), row["id"])
    operator.ask("POST", f"/reward/{quote(row['id'])}/cancel", None, request)


@action(1)
def cancel_an_import(operator: Operator) -> None:
    """Any of them."""
    imports = operator.imports()
    if imports:
        _cancel(operator, operator.random.choice(imports))


@action(3)
def redeem_and_regret(operator: Operator) -> None:
    """An import is cancelled while it is being processed."""
    known = operator.imports()
    redeem_report(operator)
    operator.pause(500, operator.random.choice([3 * SECOND, 10 * SECOND]))
    new = [each for each in operator.imports() if each not in known]
    if new:
        _cancel(operator, new[-1])


@action(1)
def resume_an_import(operator: Operator) -> None:
    """Any of the newest, whether it has stopped or not."""
    imports = operator.imports()
    if imports:
        operator.api("POST", f"/import/{operator.random.choice(imports[-8:])}/resume", tries=2)


def _cancel(operator: Operator, import_id: str) -> None:
    request = Request("cancel-import", operator.key(), import_id)
    operator.ask("POST", f"/import/{import_id}/cancel", None, request)


@action(2)
def reverse_an_import(operator: Operator) -> None:
    """What it took goes back; then its rows may be redeemed again."""
    imports = operator.imports()
    if not imports:
        return
    import_id = operator.random.choice(imports[-8:])
    request = Request("reverse", operator.key(), import_id)
    operator.ask("POST", f"/import/{import_id}/reverse", None, request)

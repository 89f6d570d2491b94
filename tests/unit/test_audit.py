"""The audit log: entries, digests of participants, rates of rejections, searching, and writing."""

import json

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from rewards.adapters.audit_log import AuditFilter, AuditLog, AuditReader
from rewards.adapters.errors import ThrottledError
from rewards.adapters.retry import Backoff
from rewards.domain.audit import Action, AuditEntry, Rejections, participant_object
from rewards.domain.row_ids import RowIdKeys
from rewards.flows.audit_search import AuditSearch, Cursor

# ruff: noqa: N803 boto3's names

NOW = 1_795_292_040_000
KEYS = RowIdKeys([(0, "k" * 40)])
ALL = AuditFilter()
HOUR = 3_600_000


def entry(date=NOW, actor="ann@example.com", action="IMPORT_CREATED", about="import/1", **details):
    return AuditEntry(date, actor, action, about, details)


class Logs:
    """A client of a log group that keeps events in memory; `page` events are searched for each request."""

    def __init__(self, page=1_000, errors=()):
        self.streams, self.events, self.patterns = [], [], []
        self.page, self.errors, self.requests = page, list(errors), 0

    def create_log_stream(self, *, logGroupName, logStreamName):
        self._fail()
        self.streams.append(logStreamName)

    def put_log_events(self, *, logGroupName, logStreamName, logEvents):
        self._fail()
        assert (logGroupName, logStreamName) == ("audit", self.streams[-1])
        assert logEvents == sorted(logEvents, key=lambda each: each["timestamp"])
        self.events += logEvents
        return {}

    def filter_log_events(
        self, *, logGroupName, startTime, endTime, filterPattern="", nextToken="0", limit=10_000
    ):
        self._fail()
        self.requests += 1
        self.patterns.append(filterPattern)
        found = sorted(
            ({**each, "eventId": f"{place:06}"} for place, each in enumerate(self.events)),
            key=lambda each: each["timestamp"],
        )
        found = [each for each in found if startTime <= each["timestamp"] <= endTime]
        end = int(nextToken) + self.page
        more = {"nextToken": str(end)} if end < len(found) else {}
        return {"events": found[int(nextToken) : end], **more}

    def _fail(self):
        if self.errors:
            error = self.errors.pop(0)
            if error:
                raise error


def rejected(code):
    return ClientError({"Error": {"Code": code}}, "PutLogEvents")


def log_on(client, keys=lambda: KEYS):
    return AuditLog(lambda: client, "audit", keys, lambda: NOW)


# --- Entries ---


def test_an_entry_is_read_as_it_was_written():
    one = entry(actor='Ä "quoted" \u2028', about="reward/ö", unit="CASH/USD", amount=5)
    assert AuditEntry.parse(one.text) == one


@pytest.mark.parametrize("text", ["", "[]", "1", "{}", '{"date": 1, "actor": "a"}', "START RequestId: 1"])
def test_another_text_is_no_entry(text):
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own errors are of this type
        AuditEntry.parse(text)


def test_a_participant_is_a_digest_that_only_the_stack_can_compute_and_that_a_new_key_does_not_change():
    found = participant_object(KEYS, "acme", "ann")
    kind, digest = found.split("/")
    assert (kind, len(digest)) == ("participant", 32)
    assert participant_object(RowIdKeys([(0, "k" * 40), (NOW, "l" * 40)]), "acme", "ann") == found
    assert participant_object(RowIdKeys([(0, "l" * 40)]), "acme", "ann") != found
    others = {participant_object(KEYS, *ids) for ids in (("acm", "eann"), ("acme", "an"), ("acme", "Ann"))}
    assert len(others | {found}) == 4


def test_a_participant_is_found_under_every_spelling_of_an_id():
    assert participant_object(KEYS, "caf\u00e9", "1") == participant_object(KEYS, " cafe\u0301 ", "1")


def test_an_account_is_not_a_participant():
    assert participant_object(KEYS, "acme").startswith("account/")
    assert participant_object(KEYS, "acme")[8:] != participant_object(KEYS, "acme", "")[12:]


# --- Rates of rejections ---


def test_each_caller_and_code_has_one_entry_a_minute_and_no_rejection_is_lost_before_the_last_minute():
    counted = Rejections()
    first = [counted.count("ann", "FORBIDDEN", NOW + second * 1000) for second in range(50)]
    assert first.count(None) == 49 - (NOW // 60_000 != (NOW + 49_000) // 60_000)
    assert first[0] == 1
    later = NOW + 120_000
    recorded = sum(filter(None, first)) + counted.count("ann", "FORBIDDEN", later)
    assert recorded == 51
    assert counted.count("ann", "NOT_FOUND", later) == 1
    assert counted.count("ben", "FORBIDDEN", later) == 1


def test_the_counts_of_many_callers_need_little_memory():
    counted = Rejections()
    for number in range(5_000):
        counted.count(str(number), "FORBIDDEN", NOW)
    assert len(counted._counted) <= 1_000


# --- Writing ---


def test_an_entry_goes_to_a_stream_of_the_process_that_is_created_for_the_first_one(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "validate")
    client = Logs()
    log = log_on(client)
    assert client.streams == []
    log.add(Action.IMPORT_SEALED, "import/1", {"rows": 3})
    log.add(Action.IMPORT_CREATED, "import/2", actor="ann@example.com")
    (stream,) = client.streams
    assert stream.startswith("validate/2026/11/")
    assert [json.loads(each["message"])["actor"] for each in client.events] == [
        "function/validate",
        "ann@example.com",
    ]
    assert {each["timestamp"] for each in client.events} == {NOW}


def test_a_stream_that_was_deleted_is_replaced():
    client = Logs(errors=[None, rejected("ResourceNotFoundException")])
    log_on(client).write(entry())
    assert (len(client.streams), len(client.events)) == (2, 1)


@pytest.mark.parametrize(
    "error",
    [
        rejected("AccessDeniedException"),
        rejected("ThrottlingException"),
        ConnectTimeoutError(endpoint_url="x"),
    ],
)
def test_an_entry_that_cannot_be_written_goes_to_the_log_as_a_whole_and_raises_nothing(
    error, caplog, monkeypatch, capsys
):
    monkeypatch.setenv("STACK_NAME", "stack")
    log_on(Logs(errors=[error] * 9)).write(entry(about="import/7"))
    (line,) = caplog.records
    assert line.message == "audit entry not written"
    assert line.entries[0]["object"] == "import/7"
    assert json.loads(capsys.readouterr().out)["AuditProblems"] == [1]


def test_an_entry_that_cloudwatch_drops_counts_as_not_written(caplog):
    client = Logs()
    client.put_log_events = lambda **_: {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}
    log_on(client).write(entry())
    assert [each.message for each in caplog.records] == ["audit entry not written"]


def test_without_the_key_an_entry_names_no_participant(caplog):
    def fail():
        raise rejected("AccessDeniedException")

    assert log_on(Logs(), fail).participant("acme", "ann") == "participant"
    assert "ann" not in caplog.text


# --- Searching ---


def search(client, wanted=ALL, since=0, until=None, limit=100, at=None, seconds=60.0):
    time = Backoff(lambda: seconds)
    return AuditSearch(AuditReader(lambda: client, "audit"), lambda: NOW).find(
        wanted, since, until, limit, at, time
    )


def all_pages(client, **asked):
    found, at = [], None
    while True:
        page = search(client, at=at, **asked)
        found += page.entries
        at = page.cursor
        if at is None:
            return [each.entry for each in found]


def filled(*entries, **settings):
    client = Logs(**settings)
    client.events = [{"timestamp": each.date, "message": each.text} for each in entries]
    return client


def test_entries_come_newest_first_each_once_whatever_the_size_of_a_page():
    dates = [NOW, NOW, NOW - 1, NOW - 1, NOW - 1, NOW - 5_000_000, NOW - 40_000_000_000, NOW - 41_000_000_000]
    dates += [NOW - HOUR + 2, NOW - HOUR + 1, NOW - HOUR, NOW - HOUR - 1]  # where the first period begins
    entries = [entry(date, about=f"import/{place}") for place, date in enumerate(dates)]
    for limit in range(1, 14):
        for page in (1, 2, 100):
            found = all_pages(filled(*entries, page=page), limit=limit)
            assert [each.date for each in found] == sorted(dates, reverse=True)
            assert {each.object for each in found} == {each.object for each in entries}
            assert len(found) == len(entries)


def test_a_period_ends_before_its_end():
    client = filled(*(entry(NOW - hours * 3_600_000) for hours in range(5)))
    found = all_pages(client, since=NOW - 3 * 3_600_000, until=NOW)
    assert [(NOW - each.date) // 3_600_000 for each in found] == [1, 2, 3]


def test_a_search_that_takes_too_long_continues_at_its_cursor():
    client = filled(entry(NOW - 1), entry(NOW - 10_000_000_000))
    page = search(client, seconds=0.0)
    assert page.entries == []
    assert page.cursor == Cursor(NOW + 1, 3_600_000)
    assert len(search(client, at=page.cursor).entries) == 2


def test_more_entries_than_can_be_read_at_once_are_read_in_parts():
    client = filled(*(entry(NOW - number * 1_000) for number in range(400)), page=10)
    page = search(client, limit=50)
    assert client.requests <= 30
    found = [each.entry.date for each in page.entries]
    assert found == [NOW - number * 1_000 for number in range(len(found))]
    assert [each.date for each in all_pages(client, limit=50)] == [NOW - n * 1_000 for n in range(400)]


def test_the_log_of_years_is_searched_in_few_requests():
    client = filled(entry(1))
    assert len(search(client).entries) == 1
    assert client.requests < 15


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(), "abcd"),
        (AuditFilter(actor="ann@example.com"), "acd"),
        (AuditFilter(object="import/1"), "ac"),
        (AuditFilter(action="KEY_CREATED"), "b"),
        (AuditFilter(actor="ann@example.com", object="import/1"), "ac"),
        (AuditFilter(object="import/"), ""),
        (AuditFilter(actor="*"), ""),
    ],
)
def test_filters_take_exactly_what_they_name(wanted, found):
    entries = {
        "a": entry(),
        "b": entry(actor="ben@example.com", action="KEY_CREATED", about="key/1"),
        "c": entry(about="import/2", related="import/1"),
        "d": entry(about="import/11"),
    }
    shown = [each.entry for each in search(filled(*entries.values()), wanted).entries]
    assert "".join(name for name in entries if entries[name] in shown) == found


def test_other_events_of_the_log_group_are_skipped():
    client = filled(entry())
    client.events.append({"timestamp": NOW, "message": "not an entry"})
    assert len(search(client).entries) == 1


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("ann@example.com", '{ ($.actor = "ann@example.com") }'),
        ("API key payroll (1)", '{ ($.actor = "API key payroll *") }'),
        ('ann" || $.actor = "*', '{ ($.actor = "ann*") }'),
        ("ann\\", '{ ($.actor = "ann*") }'),
        ("a*", '{ ($.actor = "a*") }'),
        ('"', ""),
        ("é", ""),
        ("a" * 200, '{ ($.actor = "' + "a" * 150 + '*") }'),
    ],
)
def test_nothing_of_a_filter_is_syntax_of_a_pattern(value, pattern):
    assert AuditFilter(actor=value).pattern == pattern


def test_a_pattern_names_both_objects_of_an_entry():
    assert AuditFilter(object="import/1", action="IMPORT_SEALED").pattern == (
        '{ ($.action = "IMPORT_SEALED") && ($.object = "import/1" || $.details.related = "import/1") }'
    )


def test_a_throttled_search_says_so():
    with pytest.raises(ThrottledError):
        search(filled(entry(), errors=[rejected("ThrottlingException")]))


@pytest.mark.parametrize("text", ["", "1", "1-", "-1", "1-0", "a-b", "1-2-3", "1" * 20 + "-1", "1-1\n"])
def test_another_text_is_no_cursor(text):
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.parse(text)


def test_a_cursor_is_read_as_it_was_written():
    assert Cursor.parse(str(Cursor(NOW, 5))) == Cursor(NOW, 5)

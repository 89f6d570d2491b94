"""Scans whose answers botocore does not parse, on a wire that is made up."""

import pytest
from botocore.exceptions import ClientError

from rewards.adapters.retry import OutOfTimeError
from rewards.adapters.scanner import AccountItem, Attribute, Scanner
from tests.builders.moments import NOW
from tests.builders.wire import Wire


def scan(wire, now=lambda: NOW, time_left=lambda: 60.0, segments=1):
    return list(Scanner(wire.client, "Accounts", "Rewards", now, segments).accounts(False, time_left))


def test_pages_are_what_the_service_sent_and_follow_each_other():
    item = {"pk": {"S": "\u00e9"}, "sk": {"S": "P#ann"}, "version": {"N": "7"}, "firstName": {"S": "Ann"}}
    read = AccountItem(
        Attribute("\u00e9"), Attribute("P#ann"), version=Attribute(N="7"), first_name=Attribute("Ann")
    )
    wire = Wire((200, {"Items": [item], "LastEvaluatedKey": {"pk": {"S": "x"}}}), (200, {"Items": []}))
    assert [page.items for page in scan(wire)] == [[read], []]
    assert wire.requests[1]["ExclusiveStartKey"] == {"pk": {"S": "x"}}


def test_every_page_is_read_strongly_consistent():
    wire = Wire((200, {"Items": [], "LastEvaluatedKey": {"pk": {"S": "x"}}}), (200, {"Items": []}))
    scan(wire)
    assert [request["ConsistentRead"] for request in wire.requests] == [True, True]


def test_a_page_says_when_it_was_asked_for_and_when_it_came_back():
    moments = iter((10, 20))
    (page,) = scan(Wire((200, {"Items": []})), now=lambda: next(moments))
    assert (page.asked, page.answered) == (10, 20)


def test_every_segment_is_scanned():
    wire = Wire(*[(200, {"Items": []})] * 4)
    scan(wire, segments=4)
    assert sorted(request["Segment"] for request in wire.requests) == [0, 1, 2, 3]


def error(code):
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "told"}


def test_an_error_is_still_botocores():
    with pytest.raises(ClientError, match="told") as raised:
        scan(Wire((400, error("ResourceNotFoundException"))))
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_throttled_page_is_asked_for_again(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    throttled = (400, error("ProvisionedThroughputExceededException"))
    wire = Wire(*[throttled] * 20, (200, {"Items": []}))
    assert len(scan(wire)) == 1


def test_a_scan_that_is_throttled_for_too_long_says_so(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    throttled = (400, error("ProvisionedThroughputExceededException"))
    with pytest.raises(OutOfTimeError):
        scan(Wire(*[throttled] * 20), time_left=lambda: 4.0)

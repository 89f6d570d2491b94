"""Requests in parallel: their order, when they stop, and which error counts."""

import threading

import pytest

from rewards.adapters.errors import UnknownOutcomeError
from rewards.adapters.parallel import in_parallel


def test_responses_are_in_the_order_of_their_batches():
    first = threading.Event()

    def send(batch):
        if batch == 0:
            assert first.wait(10)  # so that the others are answered before it
        elif batch == 1:
            first.set()
        return batch * 10

    assert in_parallel(send, range(12)) == [batch * 10 for batch in range(12)]


def test_without_batches_nothing_is_sent():
    assert in_parallel(pytest.fail, []) == []


def test_several_requests_are_under_way_at_once():
    together = threading.Barrier(5, timeout=10)
    in_parallel(lambda _: together.wait(), range(5))


def test_what_has_not_begun_is_not_sent_after_a_throttled_response():
    sent = []

    def send(batch):
        sent.append(batch)
        return "throttled"

    responses = in_parallel(send, range(40), lambda response: response == "throttled")
    assert 1 <= len(sent) <= 5  # those that were under way already
    assert [batch for batch, response in enumerate(responses) if response is not None] == sorted(sent)


def test_an_error_is_raised_only_when_no_request_is_under_way():
    failed, ended = threading.Event(), []

    def send(batch):
        if batch == 0:
            failed.set()
            raise ValueError(batch)
        assert failed.wait(10)
        ended.append(batch)

    with pytest.raises(ValueError, match="0"):
        in_parallel(send, range(20))
    assert sorted(ended) == list(range(1, 20))


def test_of_several_errors_the_one_of_an_unknown_outcome_counts():
    def send(batch):
        raise UnknownOutcomeError("no answer") if batch == 3 else ValueError(batch)

    with pytest.raises(UnknownOutcomeError):
        in_parallel(send, range(5))

"""Messages that come too early are requeued, for a limited time."""

from dataclasses import replace

import pytest

from rewards.adapters.errors import LeaseTakenError, ThrottledError
from rewards.adapters.queue_messages import encode
from rewards.adapters.retry import OutOfTimeError
from rewards.domain import ids
from rewards.domain.import_job import ImportType, new_import
from rewards.domain.messages import FinishImport
from rewards.flows.requeue import LATER, PATIENCE, Requeuer
from tests.builders.moments import NOW

MESSAGE = FinishImport(ids.make_id(NOW, 7))
BODY = encode(MESSAGE)


class Queues:
    def __init__(self):
        self.sent = []

    def send_later(self, *sent):
        self.sent.append(sent)


class Jobs:
    def __init__(self, resumed):
        self.resumed = resumed

    def get(self, import_id):
        job = new_import(import_id, ImportType.REDEMPTIONS, False, "", "a.csv", NOW)
        return replace(job, date_resumed=self.resumed)


def work(error, now, resumed=None):
    """What is sent when the work on a message ends with an error at this time."""
    queues = Queues()
    with Requeuer(queues, "queue", Jobs(resumed), lambda: now).if_too_early(MESSAGE, BODY):
        if error is not None:
            raise error
    return queues.sent


@pytest.mark.parametrize("error", [LeaseTakenError("x"), ThrottledError("x"), OutOfTimeError("x")])
def test_requeues_a_message_that_came_too_early(error):
    assert work(error, NOW + PATIENCE - 1000) == [("queue", BODY, LATER)]


@pytest.mark.parametrize("error", [LeaseTakenError("x"), ThrottledError("x"), OutOfTimeError("x")])
def test_requeues_nothing_once_the_import_is_seven_days_old(error):
    with pytest.raises(type(error)):
        work(error, NOW + PATIENCE + 1000)


def test_requeues_for_seven_days_after_the_import_was_resumed():
    resumed = NOW + 2 * PATIENCE
    error = ThrottledError("x")
    assert work(error, resumed + PATIENCE - 1000, resumed) == [("queue", BODY, LATER)]
    with pytest.raises(ThrottledError):
        work(error, resumed + PATIENCE + 1000, resumed)


def test_requeues_nothing_after_success_and_after_other_errors():
    assert work(None, NOW) == []
    with pytest.raises(KeyError):
        work(KeyError("a fault of the message"), NOW)

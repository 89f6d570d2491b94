"""Every event of events/ has the outcome that it is for, on a deployed stack.

`make sam-local` runs the same with `sam local invoke` in Docker; here the handlers run in this process.
"""

import os
import shutil
from types import SimpleNamespace

import pytest

from infra.local import sam_local, stack
from infra.local.sam_local import EVENTS, Events, UnexpectedError, declaring, environment
from rewards.adapters.clients import client
from tests.simulation.lambdas import Container

CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=128,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:f",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 100_000,
)


@pytest.fixture(scope="module")
def local():
    with stack.start() as started:
        yield started


@pytest.fixture
def invoke(local, monkeypatch):
    """Runs a function in this process, with the variables of the deployed one."""
    before = dict(os.environ)

    def run(function, event):
        for name, value in {**before, **environment(local, function)}.items():
            monkeypatch.setenv(name, value)
        client.cache_clear()
        return Container(function.removesuffix("Function").lower()).handler(event, CONTEXT)

    yield run
    client.cache_clear()


def test_every_event_has_its_outcome(local, invoke):
    done = Events(local, invoke).run()
    assert sorted(done) == sorted(path.stem for path in EVENTS.glob("*.json"))
    assert Events(local, invoke).run() == done, "it can run again on the same stack"


def test_a_message_that_is_treated_as_a_dead_letter_is_found(local, invoke):
    """As events/finish.json once was: the import ended, but without its results."""

    def as_dead_letter(function, event):
        if function == "FinishFunction":
            environment_of = environment(local, function)
            event["Records"][0]["eventSourceARN"] = environment_of["DEAD_LETTER_QUEUE_ARN"]
        return invoke(function, event)

    with pytest.raises(UnexpectedError, match=r"^finish: "):
        Events(local, as_dead_letter).run()


def test_without_docker_it_says_so_and_fails(monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert sam_local.main() == 1
    assert capsys.readouterr().out.startswith("Docker is not installed.")


def test_the_template_for_sam_declares_every_variable_of_the_stack():
    built = "Resources: {A: {Properties: {Environment: {Variables: {X: '1'}}}}}"
    assert "AWS_ENDPOINT_URL: http" in declaring(built, "A", {"AWS_ENDPOINT_URL": "http://127.0.0.1"})

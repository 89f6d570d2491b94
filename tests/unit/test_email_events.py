"""What SES reports about emails: sent with tags, read from events, and what is no such event is rejected."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from rewards.adapters.email_events import email_event
from rewards.adapters.mailer import Mailer
from rewards.domain.email_problem import EmailProblem, EmailProblemKind
from rewards.email.layout import Email
from tests.unit.test_template import template

ROOT = Path(__file__).parents[2]
IMPORT_ID = "06gzzx7rv0b59snh"


def bounced():
    return json.loads((ROOT / "events/email-bounced.json").read_text())


def test_the_recorded_event_reports_a_bounce_of_the_email_of_an_import():
    found = email_event(bounced())
    assert found.problem == EmailProblem(EmailProblemKind.BOUNCED, 1_795_716_902_000)
    assert (found.import_id, found.export_id) == (IMPORT_ID, None)
    assert found.message_id.startswith("EXAMPLE7c191be45")


@pytest.mark.parametrize(
    ("event_type", "kind"), [("Complaint", "COMPLAINED"), ("Reject", "REJECTED"), ("Bounce", "BOUNCED")]
)
def test_each_event_that_the_rule_matches_is_read(event_type, kind):
    event = bounced()
    event["detail"]["eventType"] = event_type
    event["detail"]["mail"]["tags"] = {"export_id": [IMPORT_ID]}
    found = email_event(event)
    assert (found.problem.kind, found.import_id, found.export_id) == (kind, None, IMPORT_ID)
    assert found.problem.message


@pytest.mark.parametrize(
    ("bounce_type", "subtype", "expected"),
    [
        ("Transient", "General", True),
        ("Transient", "MailboxFull", False),
        ("Permanent", "General", False),
        ("Undetermined", "Undetermined", False),
    ],
)
def test_a_temporary_bounce_of_a_general_kind_may_be_an_automatic_reply(bounce_type, subtype, expected):
    event = bounced()
    event["detail"]["bounce"].update(bounceType=bounce_type, bounceSubType=subtype)
    assert email_event(event).may_be_automatic_reply is expected


def test_an_email_about_no_import_and_no_export_has_no_id():
    event = bounced()
    del event["detail"]["mail"]["tags"]["import_id"]
    found = email_event(event)
    assert (found.import_id, found.export_id) == (None, None)


HOSTILE = {
    "no detail": lambda event: event.pop("detail"),
    "a detail that is a list": lambda event: event.update(detail=[]),
    "no mail": lambda event: event["detail"].pop("mail"),
    "an unknown kind": lambda event: event["detail"].update(eventType="Open"),
    "a kind that is a list": lambda event: event["detail"].update(eventType=["Bounce"]),
    "a bounce that is a text": lambda event: event["detail"].update(bounce="Transient"),
    "no time": lambda event: event.pop("time"),
    "a time that is a number": lambda event: event.update(time=5),
    "a time in another form": lambda event: event.update(time="yesterday"),
    "no tags": lambda event: event["detail"]["mail"].pop("tags"),
    "tags that are a text": lambda event: event["detail"]["mail"].update(tags="import_id"),
    "no message id": lambda event: event["detail"]["mail"].pop("messageId"),
    "an id that is a text": lambda event: event["detail"]["mail"]["tags"].update(import_id=IMPORT_ID),
    "an id of another form": lambda event: event["detail"]["mail"]["tags"].update(import_id=["../META"]),
    "an id that is null": lambda event: event["detail"]["mail"]["tags"].update(import_id=[None]),
    "two ids": lambda event: event["detail"]["mail"]["tags"].update(import_id=[IMPORT_ID, IMPORT_ID]),
    "no id in the tag": lambda event: event["detail"]["mail"]["tags"].update(import_id=[]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_event_of_another_form_is_rejected_without_what_it_contains(name):
    event = copy.deepcopy(bounced())
    HOSTILE[name](event)
    with pytest.raises(ValueError, match=r"^not an event about an email: \w+$"):
        email_event(event)


def test_an_email_is_sent_with_the_configuration_set_and_its_tags():
    requests = []
    client = SimpleNamespace(send_email=lambda **request: requests.append(request) or {"MessageId": "m"})
    mailer = Mailer(client, "rewards@example.com", "the-set")
    assert mailer.send("ann@example.com", Email("subject", "html", "text"), {"import_id": IMPORT_ID}) == "m"
    (request,) = requests
    assert request["ConfigurationSetName"] == "the-set"
    assert request["EmailTags"] == [{"Name": "import_id", "Value": IMPORT_ID}]


def test_ses_reports_what_the_rule_of_the_sweep_matches():
    """And the rule takes only emails of this stack."""
    resources = template()["Resources"]
    destination = resources["EmailEvents"]["Properties"]["EventDestination"]
    assert destination["Enabled"] is True
    assert destination["MatchingEventTypes"] == ["bounce", "complaint", "reject"]
    rule = resources["SweepFunction"]["Properties"]["Events"]["EmailProblems"]["Properties"]["Pattern"]
    event = bounced()
    assert event["source"] in rule["source"]
    assert event["detail-type"] in rule["detail-type"]
    assert len(rule["detail-type"]) == len(destination["MatchingEventTypes"])
    assert rule["detail"]["mail"]["tags"] == {"ses:configuration-set": ["EmailConfigurationSet"]}

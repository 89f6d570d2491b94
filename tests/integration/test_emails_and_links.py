"""Links that people were sent, emails that could not be sent, and long histories."""

import csv
import hashlib
import io
import urllib.parse
import urllib.request
from datetime import UTC, datetime

import pytest

from rewards.adapters.download_links import DownloadLink
from rewards.adapters.email_events import email_event
from rewards.adapters.errors import EmailNotSentError
from rewards.adapters.jobs_table import EXPORT, IMPORT
from rewards.domain import ids
from tests.builders.files import row, sheet
from tests.builders.moments import DAY
from tests.integration.test_handlers import CONTEXT, event, handler

__all__ = ["handler"]  # a fixture


@pytest.fixture
def visit(world, handler):
    """Open a link as a browser does; `method` as a mail scanner does."""
    api = handler("api")

    def ask(token, method="GET"):
        request = event("api-export")
        path = f"/download/{token}"
        request["rawPath"] = path
        request["requestContext"]["http"].update(method=method, path=path)
        del request["requestContext"]["authorizer"], request["headers"]["authorization"]
        response = api(request, CONTEXT)
        return {**response, "headers": {name.lower(): value for name, value in response["headers"].items()}}

    return ask


def report_link(world):
    """A report that was made; the token in its email and the file's key."""
    world.load([{"id": "r1", "assignedCredit": 100}])
    job = world.exports.create("REDEEMABLE_REWARD_BALANCE", "CSV", "Mine", "test", {})
    world.run()
    token = world.mailer.sent[-1][1].text.split("/download/")[1].split()[0]
    return token, f"exports/{job.id}/available-reward-balances-by-user.csv"


def check_headers(response):
    headers = response["headers"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_a_link_opens_its_file_as_often_as_one_likes(world, visit, aws):
    token, _ = report_link(world)
    for method in ("HEAD", "GET", "GET", "HEAD", "GET"):
        response = visit(token, method)
        assert response["statusCode"] == 303
        check_headers(response)
        assert "X-Amz-Signature=" in response["headers"]["location"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_unknown_link_is_a_page_in_words(visit, method):
    response = visit("x" * 32, method)
    assert (response["statusCode"], response["headers"]["content-type"]) == (404, "text/html; charset=utf-8")
    check_headers(response)
    assert "<h1>Link not found</h1>" in response["body"]
    assert '<html lang="en">' in response["body"]


def test_an_expired_link_is_a_page_in_words(world, visit):
    world.now.ahead = -31 * DAY
    token, _ = report_link(world)
    response = visit(token)
    assert response["statusCode"] == 410
    check_headers(response)
    assert "This link has expired" in response["body"]
    assert "Create the report again" in response["body"]


def check_revoked(response):
    assert response["statusCode"] == 410
    check_headers(response)
    assert "<h1>This link was revoked</h1>" in response["body"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_revoked_link_to_a_report_is_a_page_in_words(world, visit, method):
    token, key = report_link(world)
    export_id = key.split("/")[1]
    assert visit(token)["statusCode"] == 303
    revoked = world.exports.revoke_links(export_id)
    assert revoked.date_links_revoked == world.exports.get(export_id).date_links_revoked
    check_revoked(visit(token, method))
    assert world.files.exists(key), "the console still downloads it"


def test_revoking_ends_all_links_of_an_import_and_of_no_other(world, visit):
    world.load([{"id": "r1", "assignedCredit": 100}])
    records = [world.upload(f"redemptions/{n}.csv", sheet([row(f"{n}"), row("x")])) for n in (1, 2)]
    mails = [mail.text for _, mail in world.mailer.sent[-2:]]
    (first, second) = ([part.split()[0] for part in text.split("/download/")[1:]] for text in mails)
    assert len(first) == len(second) == 2, "results.csv and failed.csv"
    world.imports.revoke_links(records[0]["id"])
    for token in first:
        check_revoked(visit(token))
    assert [visit(token)["statusCode"] for token in second] == [303, 303]


def test_a_link_that_is_sent_after_the_revocation_works_until_the_next_one(world, visit):
    world.load([{"id": "r1", "assignedCredit": 100}])
    record = world.upload("redemptions/a.csv", sheet([row("60")]))
    for _ in range(2):
        world.imports.revoke_links(record["id"])
        job = world.import_jobs.get(record["id"])
        link = world.notifications.link(job, f"imports/{job.id}/results.csv", job.date_expires, "r.csv")
        token = link.rpartition("/")[2]
        assert visit(token)["statusCode"] == 303
    assert world.imports.revoke_links(record["id"]).date_links_revoked > job.date_links_revoked
    check_revoked(visit(token))


def test_a_link_that_was_prepared_before_the_revocation_is_revoked_too(world, visit):
    world.load([{"id": "r1", "assignedCredit": 100}])
    record = world.upload("redemptions/a.csv", sheet([row("60")]))
    job = world.import_jobs.get(record["id"])
    world.imports.revoke_links(record["id"])
    link = world.notifications.link(job, f"imports/{job.id}/results.csv", job.date_expires, "r.csv")
    check_revoked(visit(link.rpartition("/")[2]))


def test_no_date_of_a_revocation_comes_twice_whatever_the_clock_says(world):
    _, key = report_link(world)
    export_id = key.split("/")[1]
    dates = []
    for ahead in (0, -DAY, 0):
        world.now.ahead = ahead
        dates.append(world.exports.revoke_links(export_id).date_links_revoked)
    assert dates == sorted(set(dates))


def test_a_link_to_a_job_that_is_not_known_opens_nothing(world, visit):
    token = world.download_links.create(DownloadLink("exports/0000000000000000/y.csv", "y.csv", 9**11))
    check_revoked(visit(token))


def test_links_of_nothing_cannot_be_revoked(world):
    for unknown in ("0" * 16, "x"):
        assert world.imports.revoke_links(unknown) is None
        assert world.exports.revoke_links(unknown) is None


def test_a_link_to_a_file_that_was_deleted_is_a_page_in_words(world, visit):
    token, key = report_link(world)
    assert world.files.exists(key)
    world.s3.delete_object(Bucket=world.names["files"], Key=key)
    assert not world.files.exists(key)
    response = visit(token)
    assert response["statusCode"] == 410
    check_headers(response)
    assert "File no longer available" in response["body"]


def test_a_link_to_results_that_were_deleted_says_that_the_redemption_stands(world, visit):
    world.load([{"id": "r1", "assignedCredit": 100}])
    record = world.upload("redemptions/a.csv", sheet([row("60")]))
    token = world.mailer.sent[-1][1].text.split("/download/")[1].split()[0]
    world.s3.delete_object(Bucket=world.names["files"], Key=f"imports/{record['id']}/results.csv")
    assert "is not affected" in visit(token)["body"]


def test_a_scanner_that_follows_by_head_arrives(visit, world):
    token, _ = report_link(world)
    url = visit(token, "HEAD")["headers"]["location"]
    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10) as response:
        assert response.status == 200
    assert url.partition("?")[0] == visit(token)["headers"]["location"].partition("?")[0]


def saved_as(response):
    """The Content-Disposition with which S3 serves the file that an answer leads to."""
    query = urllib.parse.urlsplit(response["headers"]["location"]).query
    return urllib.parse.parse_qs(query)["response-content-disposition"][0]


def test_a_link_to_a_report_saves_it_under_its_name_and_date(world, visit):
    token, _ = report_link(world)
    (job,), _ = world.exports.history(1, 0)
    day = datetime.fromtimestamp(job.date_created / 1000, UTC).date()
    assert saved_as(visit(token)) == f'attachment; filename="mine-{day}.csv"'


def test_links_to_the_files_of_an_import_save_them_under_its_name(world, visit):
    world.upload("redemptions/a.csv", sheet([row("60")]), name="November payout")
    tokens = [part.split()[0] for part in world.mailer.sent[-1][1].text.split("/download/")[1:]]
    assert [saved_as(visit(token)) for token in tokens] == [
        'attachment; filename="november-payout-results.csv"',
        'attachment; filename="november-payout-failed.csv"',
    ]


def test_a_link_of_an_earlier_version_saves_the_file_under_the_name_of_its_key(world, visit):
    token, key = report_link(world)
    world.jobs_table.update(
        "LINK", hashlib.sha256(token.encode()).hexdigest(), {"name": None, "dateLinksRevoked": None}
    )
    assert saved_as(visit(token)) == f'attachment; filename="{key.rpartition("/")[2]}"'


def test_a_link_is_forgotten_a_month_after_it_expired(world):
    token = world.download_links.create(DownloadLink("exports/x/y.csv", "y.csv", 1_000_000))
    record = world.jobs_table.get("LINK", hashlib.sha256(token.encode()).hexdigest())
    assert (record["expires"], record["ttl"]) == (1_000_000, 1_000_000 + 30 * 86_400)
    assert world.jobs_table.get("LINK", token) is None, "only the token's digest is stored"


def test_a_report_whose_email_cannot_be_sent_is_kept_and_the_email_tried_again(world):
    world.load([{"id": "r1", "assignedCredit": 100}])
    job = world.exports.create("REDEEMABLE_REWARD_BALANCE", "CSV", "Mine", "test", {})
    (body,) = world.take("export")
    world.mailer.rejects = True
    for _ in range(2):
        with pytest.raises(EmailNotSentError):
            world.deliver("export", body)
    kept = world.exports.get(job.id)
    assert (kept.status, kept.record_count) == ("COMPLETED", 1)
    world.dead_letters.handle(body, None)
    assert world.exports.get(job.id).mail_error == "SES rejected it"
    world.mailer.rejects = False
    world.deliver("export", body)
    told = world.exports.get(job.id)
    assert (told.mail_error, told.date_completed) == (None, kept.date_completed)
    assert told.date_mailed
    mails = len(world.mailer.sent)
    world.deliver("export", body)
    assert len(world.mailer.sent) == mails, "who was told is not told again"


def about(**tags):
    """What SES reports about an email with these tags."""
    found = event("email-bounced")
    ours = {name: value for name, value in found["detail"]["mail"]["tags"].items() if ":" in name}
    found["detail"]["mail"]["tags"] = {**ours, **{name: [value] for name, value in tags.items()}}
    return email_event(found)


def test_an_email_has_a_tag_that_names_its_import_or_export(world):
    world.load([{"id": "r1", "assignedCredit": 100}])
    export = world.export("REWARD", "CSV")
    record = world.upload("redemptions/a.csv", sheet([row("60")]))
    assert world.mailer.tags[-2:] == [{"export_id": export["id"]}, {"import_id": record["id"]}]


def test_a_bounce_is_recorded_on_the_import_or_export_that_the_email_is_about(world):
    world.load([{"id": "r1", "assignedCredit": 100}])
    export = world.export("REWARD", "CSV")
    record = world.upload("redemptions/a.csv", sheet([row("60")]))
    other = world.upload("redemptions/b.csv", sheet([row("5")]))
    assert world.email_problems.record(about(import_id=record["id"]))
    assert world.email_problems.record(about(export_id=export["id"]))
    assert world.import_jobs.get(record["id"]).email_problem.kind == "BOUNCED"
    assert world.export_jobs.get(export["id"]).email_problem.kind == "BOUNCED"
    assert world.import_jobs.get(other["id"]).email_problem is None
    assert world.record(record["id"]).keys() - record.keys() == {"emailProblem"}


@pytest.mark.parametrize("tags", [{}, {"import_id": "06gzzx7rv0b59snh"}, {"export_id": "06gzzx7rv0b59snh"}])
def test_a_bounce_of_an_email_about_nothing_that_exists_creates_nothing(world, tags):
    assert not world.email_problems.record(about(**tags))
    assert world.jobs_table.history(IMPORT, 10, 0)[1] == world.jobs_table.history(EXPORT, 10, 0)[1] == 0


@pytest.mark.parametrize(
    "address",
    [
        "=?UTF-8?Q?j=C3=BCrgen=40example=2Ecom?=",
        "Me <me@example.com>",
        "me@example.com;b@example.com",
        "thief@example.net",
        "thief@mail.example.com",
        "thief@example.com.example.net",
    ],
)
def test_what_is_not_one_address_of_an_allowed_domain_is_sent_to_the_stacks_own_and_recorded(world, address):
    world.load([{"id": "r1", "assignedCredit": 100}])
    record = world.upload("redemptions/a.csv", sheet([row("60")]), email=address)
    assert world.mailer.sent[-1][0] == "ops@example.com"
    assert world.record(record["id"])["mailtoEmail"] == "ops@example.com"


def fill(world, kind, count, moment):
    """Put this many records of a kind, all made in the same millisecond; their ids."""
    made = [ids.new_id(moment) for _ in range(count)]
    same = {
        "sk": {"S": "META"},
        "kind": {"S": kind},
        "dateCreated": {"N": str(world.now())},
        "dateExpires": {"NULL": True},
        "status": {"S": "PENDING"},
        "mailtoEmail": {"NULL": True},
        "params": {"M": {}},
        **{name: {"S": "x"} for name in ("type", "format", "name", "requester")},
    }
    for start in range(0, count, 25):
        puts = [
            {"PutRequest": {"Item": {**same, "pk": {"S": f"{kind}#{each}"}, "id": {"S": each}}}}
            for each in made[start : start + 25]
        ]
        world.clients("dynamodb").batch_write_item(RequestItems={world.names["jobs"]: puts})
    return made


def test_a_history_of_a_thousand_is_paged_in_one_stable_order(world):
    made = sorted(fill(world, EXPORT, 1030, world.now()), reverse=True)
    fill(world, IMPORT, 30, world.now())
    pages = [world.exports.history(100, offset) for offset in range(0, 1030, 100)]
    assert [job.id for jobs, _ in pages for job in jobs] == made
    assert {total for _, total in pages} == {1030}
    assert [job.id for job in world.exports.history(7, 99)[0]] == made[99:106]


@pytest.mark.parametrize("offset", [25, 26, 10**9])
def test_beyond_the_end_of_a_history_is_nothing_and_it_is_still_counted(world, offset):
    fill(world, EXPORT, 25, world.now())
    assert world.exports.history(10, offset) == ([], 25)


def test_a_new_export_stands_before_all_older_ones(world):
    fill(world, EXPORT, 25, world.now() - 1000)
    new = world.exports.create("REDEEMABLE_REWARD_BALANCE", "CSV", "", "test", {}).id
    assert world.exports.history(1, 0)[0][0].id == new


def test_an_email_of_an_import_has_every_unit_in_its_results(world):
    world.load([{"id": f"r{n}", "assignedCredit": 5, "unit": f"UNIT{n:03}"} for n in range(60)])
    record = world.upload("redemptions/a.csv", sheet([row("1", unit=f"UNIT{n:03}") for n in range(60)]))
    assert "and 10 more; results.csv shows all of them." in world.mailer.sent[-1][1].text
    results = csv.DictReader(io.StringIO(world.bytes(f"imports/{record['id']}/results.csv").decode()))
    assert len({found["unit"] for found in results}) == 60


@pytest.mark.parametrize(("method", "token"), [("POST", "x"), ("PUT", "x"), ("GET", "\0"), ("GET", "😀")])
def test_an_address_that_is_no_link_is_answered_in_words(visit, method, token):
    response = visit(token, method)
    assert response["statusCode"] == 404
    assert "Link not found" in response["body"]

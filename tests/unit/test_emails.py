"""The emails: what they say, that both parts say it, and that everybody can read them."""

import html.parser
import itertools
import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.domain.control_totals import Counted, Difference
from rewards.domain.import_job import ReceiptRef
from rewards.domain.outcomes import SETTLED, FileProblem, Outcome, Purpose
from rewards.email.address import deliverable
from rewards.email.layout import DARK, LIGHT, shortened
from rewards.email.links import unlinked
from rewards.email.messages import (
    ApprovalSummary,
    ImportSummary,
    approval_requested,
    import_approved,
    import_finished,
    import_not_approved,
    import_rejected,
    import_without_results,
    report_failed,
    report_ready,
    upload_misplaced,
)

AS_OF, UNTIL = 1_795_292_040_000, 1_797_884_040_000  # 2026-11-21 and 2026-12-21, 20:14 UTC
LINK = "https://x.example.com/download/"
CONSOLE = "https://x.example.com/#/"
REPORT_PAGE, IMPORT_PAGE = CONSOLE + "reports/06gzzx7tr2jsak43", CONSOLE + "import/06gzzx7rv0b59snh"
TOTALS = {"CASH/USD": 1_659_450, "POINT": 1_284_900, "JPY": 7}


def summary(outcomes=None, redeemed=None, **changes):
    facts = {
        "name": "November payout",
        "file_name": "november.csv",
        "import_id": "06gzzx7rv0b59snh",
        "console_url": IMPORT_PAGE,
        "purpose": Purpose.REDEMPTION,
        "cancelled": False,
        "outcomes": outcomes if outcomes is not None else {"REDEEMED": 1204, "INVALID_VALUE": 9},
        "redeemed": redeemed if redeemed is not None else {"CASH/USD": 1_659_450},
    }
    return ImportSummary(**{**facts, **changes})


def finished(outcomes=None, redeemed=None, **changes):
    return import_finished(summary(outcomes, redeemed, **changes), LINK + "r", LINK + "f", UNTIL)


def ready(rows=3, totals=TOTALS, name="Mine", **more):
    return report_ready(name, rows, totals, AS_OF, LINK + "t", UNTIL, console_url=REPORT_PAGE, **more)


def failed_report(name="Mine", reason="More than one Lambda can do. Filter by unit."):
    return report_failed(name, reason, REPORT_PAGE)


RECEIPT = ReceiptRef(12, "ab" * 32)
WAITING = ApprovalSummary("ann@example.com", 1204, {**TOTALS, "OTHER": 12}, "CASH/USD>1000", UNTIL)
APPROVED = replace(WAITING, approver="carol@example.com", comment="Agreed with payroll")
DECLINED = replace(WAITING, approver="carol@example.com", reason="These are the amounts of October")
EVERY_OUTCOME = {outcome.value: place + 1000 for place, outcome in enumerate(Outcome)}
EMAILS = {
    "ready": ready(file_format="XLSX", filters=[("Only unit", "POINT"), ("Only program", "refer")]),
    "ready-prefilled": ready(prefilled=True),
    "ready-empty": ready(0, {}),
    "ready-rewards": ready(kind="REWARD"),
    "failed": failed_report(),
    "finished": finished(),
    "finished-well": import_finished(summary({"REDEEMED": 3}), LINK + "r", None, UNTIL),
    "every-outcome": finished(EVERY_OUTCOME),
    "preview": finished(EVERY_OUTCOME, purpose=Purpose.PREVIEW),
    "cancelled": finished({"REDEEMED": 1, "CANCELLED": 2}, cancelled=True),
    "reversal": finished({"REVERSED": 4, "NOT_PROCESSED": 1}, {"POINT": -40}, purpose=Purpose.REVERSAL),
    "loaded": finished({"LOADED": 4, "ID_IN_USE": 1}, {}, purpose=Purpose.REWARDS),
    "with-receipt": finished(receipt=RECEIPT),
    "receipt-without-results": import_without_results(summary(receipt=RECEIPT), "It could not be written."),
    "approval-requested": approval_requested(summary({}, {}, warnings={"NO_ROW_ID": 3}), WAITING),
    "approval-of-reversal": approval_requested(summary({}, {}, purpose=Purpose.REVERSAL), WAITING),
    "approved": import_approved(summary({}, {}), APPROVED),
    "declined": import_not_approved(summary({}, {}), DECLINED),
    "expired": import_not_approved(summary({}, {}), WAITING),
    "misplaced": upload_misplaced("uploads", "Redemptions/a.csv", CONSOLE + "import"),
    "totals": import_rejected(
        summary({}, {}),
        "TOTALS_MISMATCH",
        "The message has all figures.",
        [
            Difference(Counted.ROWS, None, 1_234, 1_233),
            Difference(Counted.UNIT, "CASH/USD", 1_659_450, 1_659_400),
            Difference(Counted.UNIT, "POINT", None, 7),
            Difference(Counted.UNIT, "<b>.example.com", 5, None),
            Difference(Counted.OTHER_UNITS, None, None, 3),
        ],
    ),
    "without-results": import_without_results(summary(), "results.csv could not be written."),
    **{code.value: import_rejected(summary({}, {}), code, "Line 3 <is> “wrong”.") for code in FileProblem},
}


class Page(html.parser.HTMLParser):
    """What a reader of the HTML part meets: its words, its tags, its colours."""

    def __init__(self, text):
        super().__init__()
        self.words, self.tags, self.seen, self.hidden = [], [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.hidden += tag in ("style", "title")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "title")

    def handle_data(self, data):
        if not self.hidden:
            self.words += data.split()

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def bare(words):
    """Words without what only one part needs: rules, bullets, colons, the numbers of a list."""
    cleaned = (word.rstrip(":") for word in words)
    return sorted(word for word in cleaned if not re.fullmatch(r"[-*]*|\d\.", word))


@pytest.fixture(params=EMAILS)
def email(request):
    return EMAILS[request.param]


def test_both_parts_say_the_same(email):
    assert bare(Page(email.html).words) == bare(email.text.split())


def test_there_is_nothing_to_load_and_nothing_that_runs(email):
    page = Page(email.html)
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "title", "style", "body", "div", "table", "thead", "tbody", "caption",
        "tr", "th", "td", "h1", "h2", "p", "ul", "ol", "li", "strong", "span", "bdi", "a",
    }  # fmt: skip
    assert "url(" not in email.html
    assert all(link["href"].startswith((LINK, CONSOLE)) for link in page.all("a"))


def test_every_email_links_once_to_the_console(email):
    pages = [link["href"] for link in Page(email.html).all("a") if link["href"].startswith(CONSOLE)]
    assert pages in ([REPORT_PAGE], [IMPORT_PAGE], [CONSOLE + "import"])
    assert pages[0] in email.text.splitlines()


def test_no_email_to_users_of_the_console_names_a_folder_of_the_bucket():
    for name, email in EMAILS.items():
        if name != "misplaced":
            assert not re.search("redemptions/|preview/|rewards/", email.text), name


def test_a_screen_reader_finds_language_headings_and_tables(email):
    page = Page(email.html)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    told = [table for table in page.all("table") if table.get("role") != "presentation"]
    assert len(told) == len(page.all("caption"))
    assert all(head["scope"] in ("row", "col") for head in page.all("th"))
    assert bool(page.all("th")) == bool(told)


def test_no_heading_above_short_numbers_breaks_into_letters(email):
    numbers = [head for head in Page(email.html).all("th") if "width:1%" in head["style"]]
    assert all("white-space:nowrap" in head["style"] for head in numbers)


def test_mail_programs_do_not_make_links_of_phone_numbers_and_dates(email):
    names = {meta.get("name"): meta.get("content") for meta in Page(email.html).all("meta")}
    assert "telephone=no" in names["format-detection"]


def test_a_client_may_use_its_dark_mode_or_strip_the_styles(email):
    names = {meta.get("name"): meta.get("content") for meta in Page(email.html).all("meta")}
    assert names["color-scheme"] == names["supported-color-schemes"] == "light dark"
    assert "@media (prefers-color-scheme:dark)" in email.html
    stripped = re.sub("<style>.*?</style>", "", email.html, flags=re.DOTALL)
    page = Page(stripped)
    for tag in ("body", "h1", "p"):
        assert all("color:#" in found["style"] or "background:#" in found["style"] for found in page.all(tag))


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"), [("ink", "card"), ("mute", "card"), ("mute", "page"), ("label", "button")]
)
def test_every_text_stands_out_from_its_ground(palette, ink, ground):
    high, low = sorted((luminance(palette[ink]), luminance(palette[ground])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_every_colour_of_the_light_palette_that_is_used_has_a_dark_one(email):
    classes = {name for _, found in Page(email.html).tags for name in (found.get("class") or "").split()}
    dark = email.html.split("@media (prefers-color-scheme:dark)")[1].split("</style>")[0]
    layout = {"around", "inside", "below", "wide"}
    assert all(f".{name}{{" in dark for name in classes - layout), classes


def test_the_emails_of_an_approval_say_who_asked_for_what_and_who_decided():
    asked, approved, declined, expired = (
        EMAILS[name] for name in ("approval-requested", "approved", "declined", "expired")
    )
    for email in (asked, approved, declined, expired):
        for words in ("ann @ example .com", "16,594.50", "1,284,900", "12 rows in further units"):
            assert words in email.text
    assert asked.subject == "Approval requested: November payout, 1,204 rows"
    assert "NO_ROW_ID" in asked.text
    assert "carol @ example .com approved" in approved.text
    assert "Agreed with payroll" in approved.text
    assert declined.subject == "Import declined: November payout"
    assert "These are the amounts of October" in declined.text
    assert expired.subject == "Import expired: November payout"
    assert "Nothing was changed" in declined.text
    assert "Nothing was changed" in expired.text


def test_every_table_of_an_email_has_a_caption(email):
    assert "></caption>" not in email.html
    assert "\n:\n" not in email.text


def test_amounts_are_grouped_by_thousands_in_the_units_decimals():
    text = ready().text
    for amount in ("  16,594.50 CASH/USD", "  1,284,900 POINT", "         7 JPY"):
        assert amount in text
    assert ">16,594.50</td>" in ready().html
    assert "text-align:right" in ready().html


def test_a_link_stands_on_a_line_of_its_own_and_can_be_read_in_both_parts():
    email = finished()
    assert re.findall(r"https?://\S+/download/\S+", email.text) == [LINK + "r", LINK + "f"]
    assert email.html.count(f'href="{LINK}r"') == 1
    assert f">{LINK}r</p>" in email.html


def test_subjects_say_the_result():
    assert ready(25_112).subject == "Report ready: Mine, 25,112 rows"
    assert failed_report().subject == "Report failed: Mine"
    assert (
        finished().subject == "Import completed with errors: November payout, 1,204 redeemed, 9 with errors"
    )
    preview = finished({"REDEEMED": 1}, purpose=Purpose.PREVIEW)
    assert preview.subject == "Preview completed: November payout, 1 to redeem"
    rejected = import_rejected(summary(), "EMPTY_FILE", "The file has no bytes.").subject
    assert rejected == "Import rejected: November payout, no rows (EMPTY_FILE)"


def test_a_long_name_leaves_the_result_in_the_subject():
    name = "é" * 300 + ".csv"
    subjects = [
        ready(10**6, name=name).subject,
        failed_report(name).subject,
        finished({"REDEEMED": 10**7, "INVALID_VALUE": 10**7}, name=name, purpose=Purpose.PREVIEW).subject,
        import_without_results(summary(name=name, purpose=Purpose.PREVIEW, cancelled=True), "").subject,
        *(import_rejected(summary(name=name), code, "").subject for code in FileProblem),
    ]
    assert max(map(len, subjects)) <= 150
    assert len(subjects[0]) == len("Report ready: ") + 60 + len(", 1,000,000 rows")
    assert "10,000,000 to redeem, 10,000,000 with errors" in subjects[2]
    assert ".csv" in subjects[0], "the end of a name tells as much as its beginning"


@pytest.mark.parametrize("cut", [10, 60, 160])
def test_what_is_cut_is_as_long_as_it_may_be(cut):
    assert len(shortened("abcdefgh" * 99, cut)) == cut
    assert shortened("abc", cut) == "abc"


HOSTILE = "<img src=x>\"'&\r\nBcc: thief@example.com\u2028\u202egnp.exe\x00\ud800"


def test_what_a_person_named_is_only_text():
    named = {"name": HOSTILE, "file_name": HOSTILE, "import_id": "id"}
    told = summary({"INVALID_VALUE": 1}, {HOSTILE: 5}, **named)
    for email in (
        import_finished(told, LINK + '"onclick="x', LINK, UNTIL),
        import_rejected(told, "EMPTY_FILE", HOSTILE),
        import_without_results(told, HOSTILE),
        failed_report(HOSTILE, HOSTILE),
        upload_misplaced(HOSTILE, HOSTILE, CONSOLE),
        ready(1, {HOSTILE: 1}, HOSTILE, filters=[("Only unit", HOSTILE)], file_format=HOSTILE),
    ):
        whole = (email.subject + email.html + email.text).encode()
        assert "\n" not in email.subject
        assert "\r" not in email.subject
        assert "<img" not in email.html
        assert '"onclick' not in email.html
        assert not re.search("^Bcc", email.text, flags=re.MULTILINE)
        assert "\u202e".encode() not in whole
        assert b"\0" not in whole


# What mail programs take for an address, more greedily than any of them.
ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*:\S|//|\\\\|\S@\S|\bwww\.\S|\bftp\.\S|[^\s.]\.[^\W\d_]{2,}|(\d+\.){3}\d", re.IGNORECASE
)
FILES = re.compile(r"\.(csv|tsv|txt|xlsx|jsonl|ndjson)\b")
TRICKY = [
    "www.evil.example",
    "WWW.EVIL.EXAMPLE",
    "evil.example",
    "evil.example/path?a=b",
    "https://evil.example",
    "HTTPS://evil.example",
    "hxxp://evil.example",
    "//evil.example",
    "http:evil",
    "mailto:ann@evil.example",
    "ann@evil.example",
    "ann+x@evil",
    "javascript:alert(1)",
    "tel:0123456",
    "file:\\\\evil\\share",
    "\\\\evil\\share",
    "user.id",
    "payout.zip",
    "www.evil.csv",
    "ftp.evil.csv",
    "evil.com.csv",
    "evil.csv.com",
    "evil.csv-x.com",
    "http://10.0.0.1",
    "10.0.0.1",
    "xn--bcher-kva.example",
    "b\u00fccher.example",
    "\u4f8b\u3048.\u30c6\u30b9\u30c8",
    "evil\u3002com",
    "evil\uff0ecom",
    "evil\uff61com",
    "evil\u2024com",
    "https\uff1a\uff0f\uff0fevil.example",
    "ann\uff20evil.example",
    "evil\u200b.com",
    "evil.\u200bcom",
    "evil.\u00adcom",
    "https\x07://evil.example",
    "https:/\u202e/evil.example",
    "<https://evil.example>",
    "[pay](https://evil.example)",
    "a.evil.example.b.evil.example",
]


def links_in(text):
    """What could become a link, in the form that a program reads which normalises Unicode."""
    plain = unicodedata.normalize("NFKC", text).replace("\u3002", ".")
    plain = plain.replace("\u200b", "").replace("\u00ad", "")
    return [found[0] for found in ADDRESS.finditer(FILES.sub("", plain))]


def shown_texts(email):
    """The subject, and the words of both parts without our own links."""
    ours = re.compile(re.escape("https://x.example.com/") + r"\S*")
    return [email.subject, ours.sub("", email.text), *(ours.sub("", word) for word in Page(email.html).words)]


@pytest.mark.parametrize("tricky", TRICKY)
def test_no_text_becomes_a_link(tricky):
    assert links_in(tricky), "or this test finds nothing anywhere"
    for text in (tricky, f"x{tricky}", f"({tricky})", f"{tricky}, and more", "a" * 55 + tricky + "b" * 155):
        named = {"name": text, "file_name": text, "file_warnings": {"UNKNOWN_COLUMN": text}}
        told = summary({"INVALID_VALUE": 1}, {text: 5}, warnings={"UNKNOWN_COLUMN": 1}, **named)
        for email in (
            import_finished(told, LINK, LINK, UNTIL),
            import_rejected(told, "EMPTY_FILE", text),
            import_without_results(told, text),
            failed_report(text, text),
            upload_misplaced("uploads", text, CONSOLE),
            ready(1, {text: 1}, text, filters=[("Only unit", text)]),
        ):
            assert [found for part in shown_texts(email) for found in links_in(part)] == []
            assert all(link["href"].startswith((LINK, CONSOLE)) for link in Page(email.html).all("a"))


@pytest.mark.parametrize(
    "text",
    [
        "november.csv",
        "Payout November 2026.XLSX",
        "results.csv, failed.csv",
        "\u201cpayout.jsonl\u201d.",
        "1.234.567,50 and 10.55",
        "20:14 UTC",
        "CASH/USD",
        "Wait. Then go on: it is done...",
        "v1.2",
    ],
)
def test_names_of_files_and_numbers_stay_as_they_are(text):
    assert unlinked(text) == text


@given(st.text(alphabet="aw.\u3002:/\\@1-_ \u00e9\u200bcsv", max_size=20))
def test_breaking_links_twice_changes_nothing(text):
    assert unlinked(unlinked(text)) == unlinked(text)
    assert unlinked(text).replace(" ", "") == text.replace(" ", "")


def test_an_email_of_any_number_of_units_is_not_clipped():
    units = {f"{'𠀀' * 55}{number:05}": 10**15 for number in range(10_000)}
    long = {"name": "&" * 5000, "file_name": "&" * 5000}
    for email in (finished(EVERY_OUTCOME, units, **long), ready(10**6, units, "&" * 5000)):
        assert len(email.html.encode()) < 100_000
        assert "and 9,950 more;" in email.text
        assert "and 9,950 more;" in email.html
    rejected = import_rejected(summary(**long), "UNREADABLE_FILE", "&" * 100_000)
    assert len(rejected.html.encode()) < 100_000


def test_every_failed_outcome_says_what_to_do_and_no_other_does():
    text = finished(EVERY_OUTCOME).text
    assert set(re.findall(r"^\* (\w+) \(", text, flags=re.MULTILINE)) == set(Outcome) - SETTLED
    assert "* INVALID_VALUE (1,005 rows): Correct the column that the message names." in text


@pytest.mark.parametrize("outcome", ["CANCELLED", "NOT_PROCESSED"])
def test_rows_that_need_no_correction_are_not_to_be_corrected(outcome):
    text = finished({outcome: 2}, {}).text
    assert "need no correction: import failed.csv" in text
    assert "Correct failed.csv where needed" in text


def test_a_rewards_file_is_fixed_in_its_own_words():
    text = finished({"INVALID_VALUE": 1, "MISSING_FIELD": 1}, {}, purpose=Purpose.REWARDS).text
    assert "ISO 8601" in text
    assert "valueToRedeem" not in text
    assert "upload it in the same way as this file" in text
    rejected = import_rejected(summary(purpose=Purpose.REWARDS), "MISSING_COLUMNS", "x").text
    assert "assignedCredit" in rejected


def test_only_the_report_that_comes_back_says_how():
    assert "Fill in valueToRedeem" in ready().text
    assert "valueToRedeem" not in ready(kind="REWARD_BALANCE").text
    assert "valueToRedeem" not in ready(kind="REWARD", totals={}).text
    assert "no rows" in ready(0, {}).text
    assert "valueToRedeem" not in ready(0, {}).text


def test_a_preview_never_says_that_something_was_redeemed():
    email = import_finished(summary({"REDEEMED": 5}, purpose=Purpose.PREVIEW), LINK, None, UNTIL)
    assert "no balance was changed" in email.text
    assert "open the preview in the console and select Start import" in email.text
    assert not re.search(r"was redeemed|Total redeemed", email.text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("me@example.com", "me@example.com"),
        (" me+tag@sub.example.co.uk ", "me+tag@sub.example.co.uk"),
        ("me@bücher.example", "me@xn--bcher-kva.example"),
        *itertools.product(
            [
                None, "", "me", "me@", "@example.com", "me@localhost", "jürgen@example.com",
                "me@example.com, thief@example.com", "me@example.com;thief@example.com",
                "me@example.com\r\nBcc: thief@example.com", "Me <me@example.com>", '"a b"@example.com',
                "me@thief.com@example.com", "me..you@example.com", ".me@example.com", "me@-example.com",
                "me@example..com", f"{'x' * 65}@example.com", f"me@{'x.' * 200}com", "me@exa mple.com",
                "=?UTF-8?Q?j=C3=BCrgen=40example=2Ecom?=", "me@example.com\n", "me\x00@example.com",
            ],
            [None],
        ),
    ],
)  # fmt: skip
def test_only_one_address_that_ses_takes_is_an_address(text, address):
    assert deliverable(text) == address


def test_a_preview_without_a_row_to_redeem_does_not_offer_the_start():
    assert "Start import" not in finished({"INVALID_VALUE": 5}, {}, purpose=Purpose.PREVIEW).text


def test_a_reversal_says_what_was_returned():
    email = finished({"REVERSED": 4, "UNCHANGED": 2}, {"CASH/USD": -40_050}, purpose=Purpose.REVERSAL)
    assert email.subject == "Reversal completed: November payout, 4 reversed"
    assert "Total returned to rewards" in email.text
    assert "400.50" in email.text
    assert "-400.50" not in email.text


@pytest.mark.parametrize("name", ["with-receipt", "receipt-without-results"])
def test_an_email_names_the_receipt_and_its_digest(name):
    for part in (EMAILS[name].text, EMAILS[name].html):
        assert "ab" * 32 in part
        assert "No. 12" in part


def test_an_email_about_an_import_without_receipt_does_not_mention_one():
    assert "receipt" not in EMAILS["finished"].text.lower()

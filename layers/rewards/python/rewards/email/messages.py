"""The emails (CONTRACT section 7), composed of the blocks of `layout`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rewards.domain import object_keys
from rewards.domain.control_totals import Counted, Difference
from rewards.domain.dates import to_the_minute
from rewards.domain.import_job import ReceiptRef
from rewards.domain.outcomes import (
    FILE_PROBLEMS,
    OUTCOMES,
    WARNINGS,
    FileProblem,
    Group,
    Outcome,
    Purpose,
    WarningCode,
    count_groups,
)
from rewards.domain.report import BALANCES, REDEEMABLE, REWARDS
from rewards.domain.unit_totals import OTHER
from rewards.domain.units import format_value
from rewards.email.layout import (
    Block,
    Email,
    Facts,
    Figure,
    Figures,
    Heading,
    Link,
    Paragraph,
    Points,
    Tone,
    compose,
    shortened,
)

# The longest name in a subject, where the result must stay visible, and elsewhere (characters).
_NAME_IN_SUBJECT = 60
_NAME = 160

_SHOWS = {
    REDEEMABLE: "It lists what is available to each participant in each unit, as of {}.",
    BALANCES: "It lists every balance, as of {}.",
    REWARDS: "It lists every reward, as of {}.",
}
_PAY = ("Pay the participants", "Pay outside this system, for example by payroll, bank file or gift card.")
_FILL_IN = (
    "Fill in valueToRedeem",
    "Enter the amount paid, in the unit shown. Leave 0 where nothing was paid, and do not change any other "
    "column.",
)
_CHECK_FILLED_IN = (
    "Check valueToRedeem",
    "It is filled in with the available value. Where you paid another amount, enter that, and 0 where "
    "nothing was paid. Do not change any other column.",
)
_IMPORT = (
    "Import the file",
    "In the console, open Imports, select Import file, and choose the file, saved as CSV or XLSX. Check the "
    "preview, then select Start import. Each row is redeemed at most once, even if the file is imported "
    "again.",
)
_WHY = (
    "You receive this email because you requested this {}, or because this is the notification address "
    "of the service."
)


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What the emails say about an import.

    `console_url` opens the import in the console. `outcomes` and `warnings` are rows by code; `redeemed` are
    credits by unit, negative for a reversal. `file_warnings` explain the warnings about the whole file.
    """

    name: str
    file_name: str
    import_id: str
    console_url: str
    purpose: Purpose
    cancelled: bool
    outcomes: Mapping[str, int]
    redeemed: Mapping[str, int]
    warnings: Mapping[str, int] = field(default_factory=dict)
    file_warnings: Mapping[str, str] = field(default_factory=dict)
    receipt: ReceiptRef | None = None


@dataclass(frozen=True, slots=True)
class ApprovalSummary:
    """What the emails say about an approval.

    `requested` are credits by unit, `expires` is in Unix milliseconds. `approver` is None before a decision.
    """

    requester: str
    rows: int
    requested: Mapping[str, int]
    rule: str
    expires: int
    approver: str | None = None
    comment: str | None = None
    reason: str | None = None


def report_ready(
    name: str,
    rows: int,
    totals: Mapping[str, int],
    as_of: int,
    url: str,
    works_until: int,
    *,
    console_url: str,
    kind: str = REDEEMABLE,
    file_format: str = "",
    filters: Iterable[tuple[str, str]] = (),
    prefilled: bool = False,
) -> Email:
    """Say that a report is ready.

    `totals` are in credits by unit, empty if the report has none; dates are in Unix milliseconds. `url` opens
    the file, `console_url` opens the report in the console. `filters` are in words;
    `prefilled`: valueToRedeem is what is available.
    """
    count = _count(rows, "row")
    shows = _SHOWS[kind].format(to_the_minute(as_of))
    blocks: list[Block] = [Paragraph(f"The report “{shortened(name, _NAME)}” is ready. {shows}")]
    if rows == 0:
        blocks.append(Paragraph("The report has no rows, because no data matches the request."))
    if totals:
        blocks.append(_amounts("Total available", totals, "the report shows all of them"))
    blocks.append(Link("Download the report", url))
    blocks.append(_valid("The download link", works_until))
    blocks.append(Link("Open the report in the console", console_url))
    if kind == REDEEMABLE and rows:
        steps = (_PAY, _CHECK_FILLED_IN if prefilled else _FILL_IN, _IMPORT)
        blocks += [Heading("What to do next"), Points(steps, ordered=True)]
    about = [
        ("Name", shortened(name, _NAME)),
        ("Format", file_format),
        ("Rows", f"{rows:,}"),
        *((name, shortened(value, _NAME)) for name, value in filters),
        ("As of", to_the_minute(as_of)),
    ]
    blocks.append(Facts("About this report", about))
    subject = f"Report ready: {shortened(name, _NAME_IN_SUBJECT)}, {count}"
    return compose(subject, "good", f"Your report is ready: {count}", blocks, _WHY.format("report"))


def report_failed(name: str, reason: str, console_url: str) -> Email:
    """Say that a report could not be created; `reason` says why and what to do."""
    blocks: list[Block] = [
        Paragraph(f"The report “{shortened(name, _NAME)}” could not be created."),
        Paragraph(reason),
        Link("Open the report in the console", console_url),
    ]
    subject = f"Report failed: {shortened(name, _NAME_IN_SUBJECT)}"
    return compose(subject, "bad", "Your report could not be created", blocks, _WHY.format("report"))


def import_finished(
    summary: ImportSummary,
    results_url: str,
    failed_url: str | None,
    works_until: int,
) -> Email:
    """Say that an import has ended and that every row has a result."""
    blocks: list[Block] = [_ended(summary), *_counts(summary), _in_console(summary)]
    blocks.append(Link("Download the results of all rows (results.csv)", results_url))
    if failed_url:
        blocks.append(Link("Download the failed rows (failed.csv)", failed_url))
    links = "Each download link" if failed_url else "The download link"
    blocks.append(_valid(links, works_until))
    blocks += _next_steps(summary)
    blocks.append(_about(summary))
    tone: Tone = "warn" if summary.cancelled or _failed(summary) else "good"
    return _about_import(summary, "", tone, blocks)


def import_without_results(summary: ImportSummary, reason: str) -> Email:
    """Say that an import has ended without results; `reason` says why."""
    again = (
        " You can import the same rows of the report again: redeemed rows are not redeemed twice, and the "
        "new import writes their results."
    )
    # After a cancellation or a reversal, importing the rows again would redeem them.
    safe = again if summary.outcomes.get(Outcome.REDEEMED) and not summary.cancelled else ""
    blocks = [
        _ended(summary),
        Paragraph(reason + safe),
        *_counts(summary),
        _in_console(summary),
        _about(summary),
    ]
    return _about_import(summary, " without results", "bad", blocks)


def import_rejected(
    summary: ImportSummary, code: str, message: str, differences: Sequence[Difference] = ()
) -> Email:
    """Say that a file was rejected as a whole; `differences` are to its control totals."""
    problem, what = FILE_PROBLEMS[FileProblem(code)], _what(summary)
    reason = "The file does not have the expected totals." if differences else message
    table = Figures(
        "In the file, and what was expected",
        ("In the file", "Total"),
        [_difference(each) for each in differences],
        "the console shows all of them",
    )
    blocks: list[Block] = [
        Paragraph(f"The file “{shortened(summary.file_name, _NAME)}” was rejected. Nothing was changed."),
        Facts("Why", [("Reason", reason), ("Code", code)]),
        *([table] if differences else []),
        Heading("How to fix it"),
        Paragraph(problem.remedy_for(summary.purpose)),
        _in_console(summary),
        _about(summary),
    ]
    subject = f"{what} rejected: {shortened(summary.name, _NAME_IN_SUBJECT)}, {problem.reason} ({code})"
    return compose(subject, "bad", f"{what} rejected: {problem.reason}", blocks, _WHY.format("import"))


def _difference(difference: Difference) -> Figure:
    unit = difference.unit
    found, expected = (
        "none" if each is None else f"{each:,}" if unit is None else _grouped(each, unit)
        for each in (difference.found, difference.expected)
    )
    label = "Rows with a value" if difference.counted is Counted.ROWS else "Rows in further units"
    return Figure(found, label if unit is None else shortened(unit, _NAME), f"Expected: {expected}.")


def approval_requested(summary: ImportSummary, approval: ApprovalSummary) -> Email:
    """Ask the approvers to decide about an import that waits."""
    what = _what(summary).lower()
    blocks: list[Block] = [
        Paragraph(
            f"{shortened(approval.requester, _NAME)} requested the {what} of "
            f"“{shortened(summary.file_name, _NAME)}”. It awaits approval. Nothing has been changed yet."
        ),
        *_requested(approval),
        *_warnings(summary),
        Link("Review in the console", summary.console_url),
        Heading("What to do next"),
        Paragraph(
            f"Open the {what} in the console, check the file, then select Approve or Decline. If nobody "
            f"decides by {to_the_minute(approval.expires)}, it expires. Whoever requested it "
            "cannot approve it."
        ),
        _about_approval(summary, approval),
    ]
    rows = _count(approval.rows, "row")
    subject = f"Approval requested: {shortened(summary.name, _NAME_IN_SUBJECT)}, {rows}"
    why = "You receive this email because you approve imports, or because this is the notification address."
    return compose(subject, "warn", f"{_what(summary)} awaits approval", blocks, why)


def import_approved(summary: ImportSummary, approval: ApprovalSummary) -> Email:
    """Notify the requester that an import was approved and its rows are being processed."""
    what = _what(summary).lower()
    blocks: list[Block] = [
        Paragraph(
            f"{shortened(approval.approver or '', _NAME)} approved the {what} of "
            f"“{shortened(summary.file_name, _NAME)}”. Its rows are being processed. Another email follows "
            "when it is completed."
        ),
        *_said("Comment", approval.comment),
        *_requested(approval),
        _in_console(summary),
        _about_approval(summary, approval),
    ]
    subject = f"{_what(summary)} approved: {shortened(summary.name, _NAME_IN_SUBJECT)}"
    return compose(subject, "good", f"{_what(summary)} approved", blocks, _WHY.format("import"))


def import_not_approved(summary: ImportSummary, approval: ApprovalSummary) -> Email:
    """Notify the requester that an import was declined, or that nobody decided in time."""
    what = _what(summary).lower()
    file = shortened(summary.file_name, _NAME)
    state = "declined" if approval.approver else "expired"
    if approval.approver:
        happened = f"{shortened(approval.approver, _NAME)} declined the {what} of “{file}”."
        fix = "Correct what the reason says, then import the file again. It is checked and approved anew."
    else:
        happened = f"Nobody approved the {what} of “{file}” within 14 days."
        fix = "Ask your approvers, then import the file again."
    if summary.purpose is Purpose.REVERSAL:
        fix = "Ask your approvers. Then you can reverse the import again."
    blocks: list[Block] = [
        Paragraph(f"{happened} Nothing was changed."),
        *_said("Reason", approval.reason),
        *_requested(approval),
        Heading("What to do next"),
        Paragraph(fix),
        _in_console(summary),
        _about_approval(summary, approval),
    ]
    subject = f"{_what(summary)} {state}: {shortened(summary.name, _NAME_IN_SUBJECT)}"
    return compose(subject, "bad", f"{_what(summary)} {state}", blocks, _WHY.format("import"))


def _requested(approval: ApprovalSummary) -> list[Block]:
    if not approval.requested:
        return []
    totals = {unit: credits for unit, credits in approval.requested.items() if unit != OTHER}
    blocks: list[Block] = [_amounts("Total requested", totals, "the console shows all of them")]
    if OTHER in approval.requested:
        rows = _count(approval.requested[OTHER], "row")
        blocks.append(Paragraph(f"The file has more units than this table shows: {rows} in further units."))
    return blocks


def _said(label: str, text: str | None) -> list[Block]:
    return [Facts("The decision", [(label, shortened(text, 500))])] if text else []


def _about_approval(summary: ImportSummary, approval: ApprovalSummary) -> Facts:
    return Facts(
        f"About this {_what(summary).lower()}",
        [
            ("Name", shortened(summary.name, _NAME)),
            ("File", shortened(summary.file_name, _NAME)),
            ("Id", summary.import_id),
            ("Rows", f"{approval.rows:,}"),
            ("Requested by", shortened(approval.requester, _NAME)),
            ("Approval rule", shortened(approval.rule, _NAME)),
        ],
    )


def upload_misplaced(bucket: str, key: str, console_url: str) -> Email:
    """Say that a file was uploaded outside the folders that are imported; `console_url` imports files."""
    folders = (
        (object_keys.REDEMPTIONS, "redeems balances."),
        (object_keys.PREVIEW, "previews a redemption and changes nothing."),
        (object_keys.REWARDS, "loads rewards."),
    )
    blocks: list[Block] = [
        Paragraph(
            f"The file “{shortened(key, _NAME)}” was uploaded to the bucket {bucket}, but not to one of the "
            "folders that are imported. Nothing was imported."
        ),
        Heading("How to fix it"),
        Paragraph("Upload the file to one of these folders. Folder names are in lower case."),
        Points(folders, ordered=False),
        Paragraph("Reports with valueToRedeem filled in can also be imported in the console."),
        Link("Import a file in the console", console_url),
        Paragraph(
            "This email is sent at most once an hour. Further files are in the log of the function validate."
        ),
    ]
    why = "You receive this email because this is the notification address of the service."
    name = shortened(key, _NAME_IN_SUBJECT)
    return compose(f"File not imported: {name}", "bad", "A file was not imported", blocks, why)


def _about_import(summary: ImportSummary, how: str, tone: Tone, blocks: Sequence[Block]) -> Email:
    state = "completed" if how or not _failed(summary) else "completed with errors"
    begin = f"{_what(summary)} {'cancelled' if summary.cancelled else state}{how}"
    result = _result(summary)
    subject = f"{begin}: {shortened(summary.name, _NAME_IN_SUBJECT)}, {result}"
    return compose(subject, tone, f"{begin}: {result}", blocks, _WHY.format("import"))


def _what(summary: ImportSummary) -> str:
    return {Purpose.PREVIEW: "Preview", Purpose.REVERSAL: "Reversal"}.get(summary.purpose, "Import")


def _result(summary: ImportSummary) -> str:
    counts = {each.group: each for each in count_groups(summary.outcomes, summary.purpose)}
    done, failed = counts[Group.DONE], counts[Group.FAILED]
    return f"{done.rows:,} {done.label}" + (f", {failed.rows:,} {failed.label}" if failed.rows else "")


def _failed(summary: ImportSummary) -> int:
    return sum(count for outcome, count in summary.outcomes.items() if OUTCOMES[Outcome(outcome)].is_failed)


def _in_console(summary: ImportSummary) -> Link:
    return Link(f"Open the {_what(summary).lower()} in the console", summary.console_url)


def _valid(links: str, until: int) -> Paragraph:
    return Paragraph(f"{links} is valid until {to_the_minute(until)} and opens only this file.")


def _ended(summary: ImportSummary) -> Paragraph:
    what, file = _what(summary).lower(), shortened(summary.file_name, _NAME)
    state = "was cancelled" if summary.cancelled else "is completed"
    failed = _failed(summary)
    rest = ""
    if summary.purpose is Purpose.PREVIEW:
        rest = " This was a preview: no balance was changed."
    elif failed:
        rest = (
            f" {_count(failed, 'row')} {'has' if failed == 1 else 'have'} errors. No balance was changed for "
            f"{'it' if failed == 1 else 'them'}."
        )
    return Paragraph(f"The {what} of “{file}” {state}.{rest}")


def _counts(summary: ImportSummary) -> list[Block]:
    rows = [
        Figure(
            f"{summary.outcomes[outcome]:,}",
            outcome,
            OUTCOMES[outcome].texts_for(summary.purpose).meaning,
        )
        for outcome in Outcome
        if summary.outcomes.get(outcome)
    ]
    blocks: list[Block] = [Figures("Rows by outcome", ("Rows", "Outcome"), rows)] if rows else []
    if summary.redeemed:
        caption = "Total to redeem" if summary.purpose is Purpose.PREVIEW else "Total redeemed"
        totals = summary.redeemed
        if summary.purpose is Purpose.REVERSAL:
            caption = "Total returned to rewards"
            totals = {unit: -credits for unit, credits in totals.items()}
        blocks.append(_amounts(caption, totals, "results.csv shows all of them"))
    return [*blocks, *_warnings(summary)]


def _warnings(summary: ImportSummary) -> list[Block]:
    warned = [
        Figure(
            f"{summary.warnings[warning]:,}",
            warning,
            f"{summary.file_warnings.get(warning) or WARNINGS[warning].meaning} {WARNINGS[warning].remedy}",
        )
        for warning in WarningCode
        if summary.warnings.get(warning)
    ]
    return [Figures("Warnings (they did not stop any row)", ("Rows", "Warning"), warned)] if warned else []


def _next_steps(summary: ImportSummary) -> list[Block]:
    points = [
        (
            f"{outcome} ({_count(summary.outcomes[outcome], 'row')})",
            OUTCOMES[outcome].texts_for(summary.purpose).remedy,
        )
        for outcome in Outcome
        if summary.outcomes.get(outcome) and OUTCOMES[outcome].is_failed
    ]
    blocks: list[Block] = [Heading("How to fix the rows with errors"), Points(points)] if points else []
    if points and summary.purpose is not Purpose.REVERSAL:
        blocks.append(Paragraph(_CORRECT_REWARDS if summary.purpose is Purpose.REWARDS else _CORRECT))
    if (
        summary.purpose is Purpose.PREVIEW
        and not summary.cancelled
        and summary.outcomes.get(Outcome.REDEEMED)
    ):
        blocks.append(Paragraph(_START))
    return blocks


_COLUMNS = (
    "Its column message explains each row. You can keep the columns outcome and message; they are ignored."
)
_CORRECT = f"Correct failed.csv where needed, then import it in the console. {_COLUMNS}"
_CORRECT_REWARDS = f"Correct failed.csv where needed, then upload it in the same way as this file. {_COLUMNS}"
_START = "To redeem these rows, open the preview in the console and select Start import."


def _about(summary: ImportSummary) -> Facts:
    rows = sum(summary.outcomes.values())
    return Facts(
        f"About this {_what(summary).lower()}",
        [
            ("Name", shortened(summary.name, _NAME)),
            ("File", shortened(summary.file_name, _NAME)),
            ("Id", summary.import_id),
            ("Rows", f"{rows:,}" if rows else ""),
            *_receipt_facts(summary.receipt),
        ],
    )


def _receipt_facts(receipt: ReceiptRef | None) -> list[tuple[str, str]]:
    if receipt is None:
        return []
    return [("Receipt", f"No. {receipt.sequence}"), ("SHA-256 of the receipt", receipt.digest)]


def _amounts(caption: str, totals: Mapping[str, int], elsewhere: str) -> Figures:
    rows = [
        Figure(_grouped(credits, unit), shortened(unit, _NAME)) for unit, credits in sorted(totals.items())
    ]
    return Figures(caption, ("Value", "Unit"), rows, elsewhere)


def _grouped(credits: int, unit: str) -> str:
    """Credits as a decimal in the unit, with thousands separators: `16,594.50`."""
    return f"{Decimal(format_value(credits, unit)):,f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")

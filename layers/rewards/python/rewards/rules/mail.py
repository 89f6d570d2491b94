"""The emails (CONTRACT section 7), made of the blocks of `mail_layout`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rewards.rules.dates import to_the_minute
from rewards.rules.mail_layout import (
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
from rewards.rules.mending import file_mending, meaning, mending, reason, warning_meaning, warning_remedy
from rewards.rules.outcomes import SETTLED, FileProblem, Outcome, WarningCode
from rewards.rules.report import BALANCES, REDEEMABLE, REWARDS
from rewards.rules.units import format_value

# So long a name may be in a subject, where the result must stay in sight, and elsewhere.
_NAME_IN_SUBJECT = 60
_NAME = 160

_SHOWS = {
    REDEEMABLE: "It shows what every participant has available in every unit, as of {}.",
    BALANCES: "It shows every balance, as of {}.",
    REWARDS: "It shows every reward, as of {}.",
}
_FILTERS = {"unit": "Only unit", "programId": "Only program"}
_NEXT = (
    ("Pay", "payroll, bank file, gift cards: whatever way you pay people."),
    (
        "Fill in valueToRedeem",
        "what was paid, in the unit as shown. Leave 0 where nothing was paid, "
        "and leave every other column as it is.",
    ),
    (
        "Upload the file",
        "as CSV or XLSX, to the folder redemptions/ of the upload bucket; preview/ shows what would happen. "
        "A row is redeemed once only, even if the file is uploaded again.",
    ),
)
_ASKED = (
    "You get this email because you asked for the {}, or because the operators of this service "
    "named this address."
)


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What the emails say of an import; `redeemed` in credits by unit, negative what was reversed.

    `warnings` are rows by warning, `file_warnings` the explanations of those about the whole file.
    """

    name: str
    file_name: str
    import_id: str
    dry_run: bool
    loads_rewards: bool
    cancelled: bool
    outcomes: Mapping[str, int]
    redeemed: Mapping[str, int]
    reverses: bool = False
    warnings: Mapping[str, int] = field(default_factory=dict)
    file_warnings: Mapping[str, str] = field(default_factory=dict)


def report_ready(
    name: str,
    rows: int,
    totals: Mapping[str, int],
    as_of: int,
    url: str,
    works_until: int,
    *,
    kind: str = REDEEMABLE,
    file_format: str = "",
    filters: Iterable[tuple[str, object]] = (),
) -> Email:
    """The report is ready. `totals` in credits by unit, empty if the report has none; dates in Unix
    milliseconds; `kind` is the report's kind, `filters` are names and values of the filters that it has."""
    count = _count(rows, "row")
    shows = _SHOWS[kind].format(to_the_minute(as_of))
    blocks: list[Block] = [Paragraph(f"The report “{shortened(name, _NAME)}” is ready. {shows}")]
    if rows == 0:
        blocks.append(Paragraph("It has no rows: nothing fits what was asked for."))
    if totals:
        blocks.append(_amounts("Total available", totals, "the report has them all"))
    blocks.append(Link("Download the report", url))
    blocks.append(Paragraph(f"The link works until {to_the_minute(works_until)} and opens only this file."))
    if kind == REDEEMABLE and rows:
        blocks += [Heading("What to do next"), Points(_NEXT, ordered=True)]
    about = [
        ("Name", shortened(name, _NAME)),
        ("Format", file_format),
        ("Rows", f"{rows:,}"),
        *((_FILTERS.get(name, f"Only {name}"), _filter_value(value)) for name, value in filters),
        ("As of", to_the_minute(as_of)),
    ]
    blocks.append(Facts("About this report", about))
    subject = f"Report ready: {shortened(name, _NAME_IN_SUBJECT)}, {count}"
    return compose(subject, "good", f"Your report is ready: {count}", blocks, _ASKED.format("report"))


def _filter_value(value: object) -> str:
    if isinstance(value, int):
        return to_the_minute(value)
    return shortened(", ".join(value) if isinstance(value, list) else str(value), _NAME)


def report_failed(name: str, reason: str) -> Email:
    """The report could not be made; `reason` says why and what to do."""
    blocks = [Paragraph(f"The report “{shortened(name, _NAME)}” could not be made."), Paragraph(reason)]
    subject = f"Report failed: {shortened(name, _NAME_IN_SUBJECT)}"
    return compose(subject, "bad", "Your report could not be made", blocks, _ASKED.format("report"))


def import_finished(
    summary: ImportSummary,
    results_url: str,
    failed_url: str | None,
    works_until: int,
) -> Email:
    """The import has ended and every row has its answer."""
    blocks: list[Block] = [_ended(summary), *_counts(summary)]
    blocks.append(Link("Results of every row (results.csv)", results_url))
    if failed_url:
        blocks.append(Link("Only the failed rows (failed.csv)", failed_url))
    links = "The links work" if failed_url else "The link works"
    files = "open only these files" if failed_url else "opens only this file"
    blocks.append(Paragraph(f"{links} until {to_the_minute(works_until)} and {files}."))
    if failed_url:
        blocks += _what_to_do(summary)
    elif summary.dry_run:
        blocks.append(Paragraph(_FOR_REAL))
    blocks.append(_about(summary))
    tone: Tone = "warn" if summary.cancelled or _failed(summary) else "good"
    return _about_import(summary, "", tone, blocks)


def import_without_results(summary: ImportSummary, reason: str) -> Email:
    """The import has ended, but its results could not be written."""
    again = " Uploading the same report rows again is safe and writes the answers anew."
    # Not of what was cancelled or reversed: there the upload would redeem.
    safe = again if summary.outcomes.get(Outcome.REDEEMED) and not summary.cancelled else ""
    blocks = [_ended(summary), Paragraph(reason + safe), *_counts(summary), _about(summary)]
    return _about_import(summary, " without results", "bad", blocks)


def import_rejected(summary: ImportSummary, code: str, message: str) -> Email:
    """The file as a whole was refused."""
    problem, what = FileProblem(code), _what(summary)
    blocks: list[Block] = [
        Paragraph(f"The file “{shortened(summary.file_name, _NAME)}” was rejected. Nothing was changed."),
        Facts("Why", [("Reason", message), ("Code", code)]),
        Heading("How to mend it"),
        Paragraph(file_mending(problem, summary.loads_rewards)),
        _about(summary),
    ]
    subject = f"{what} rejected: {shortened(summary.name, _NAME_IN_SUBJECT)}, {reason(problem)} ({code})"
    return compose(subject, "bad", f"{what} rejected: {reason(problem)}", blocks, _ASKED.format("import"))


def upload_misplaced(bucket: str, key: str) -> Email:
    """A file was uploaded outside the folders that are imported."""
    folders = (
        ("redemptions/", "redeems balances."),
        ("preview/", "shows what a redemption would do, and changes nothing."),
        ("rewards/", "loads rewards."),
    )
    blocks: list[Block] = [
        Paragraph(
            f"The file “{shortened(key, _NAME)}” was uploaded to the bucket {bucket}, but not to one of the "
            "folders that are imported. Nothing was imported."
        ),
        Heading("How to fix it"),
        Paragraph("Upload the file to one of these folders. Folder names are in lower case."),
        Points(folders, ordered=False),
        Paragraph(
            "This email is sent at most once an hour. Further files are listed in the log of validate."
        ),
    ]
    asked = "You get this email because the operators of this service named this address."
    name = shortened(key, _NAME_IN_SUBJECT)
    return compose(f"File not imported: {name}", "bad", "A file was not imported", blocks, asked)


_FOR_REAL = "To redeem for real, upload the same file to the folder redemptions/ of the upload bucket."


def _about_import(summary: ImportSummary, how: str, tone: Tone, blocks: Sequence[Block]) -> Email:
    state = "cancelled" if summary.cancelled else "finished"
    begin, result = f"{_what(summary)} {state}{how}", _result(summary)
    subject = f"{begin}: {shortened(summary.name, _NAME_IN_SUBJECT)}, {result}"
    return compose(subject, tone, f"{begin}: {result}", blocks, _ASKED.format("import"))


def _what(summary: ImportSummary) -> str:
    return "Preview" if summary.dry_run else "Reversal" if summary.reverses else "Import"


def _result(summary: ImportSummary) -> str:
    done, verb = Outcome.REDEEMED, "redeemed"
    if summary.loads_rewards:
        done, verb = Outcome.LOADED, "loaded"
    elif summary.reverses:
        done, verb = Outcome.REVERSED, "given back"
    would = "would be " if summary.dry_run else ""
    failed = _failed(summary)
    return f"{summary.outcomes.get(done, 0):,} {would}{verb}" + (f", {failed:,} failed" if failed else "")


def _failed(summary: ImportSummary) -> int:
    return sum(count for outcome, count in summary.outcomes.items() if Outcome(outcome) not in SETTLED)


def _ended(summary: ImportSummary) -> Paragraph:
    what, file = _what(summary), shortened(summary.file_name, _NAME)
    state = "was cancelled" if summary.cancelled else "has finished"
    failed = _failed(summary)
    rest = ""
    if summary.dry_run:
        rest = " This was a preview: no balance was changed."
    elif failed:
        rest = (
            f" {_count(failed, 'row')} failed, and nothing was changed for {'it' if failed == 1 else 'them'}."
        )
    return Paragraph(f"{what} of “{file}” {state}.{rest}")


def _counts(summary: ImportSummary) -> list[Block]:
    rows = [
        Figure(
            f"{summary.outcomes[outcome]:,}",
            outcome,
            meaning(outcome, summary.loads_rewards, summary.dry_run, summary.reverses),
        )
        for outcome in Outcome
        if summary.outcomes.get(outcome)
    ]
    blocks: list[Block] = [Figures("Rows by outcome", ("Rows", "Outcome"), rows)] if rows else []
    if summary.redeemed:
        caption = "Total that would be redeemed" if summary.dry_run else "Total redeemed"
        totals = summary.redeemed
        if summary.reverses:
            caption, totals = "Total given back", {unit: -credits for unit, credits in totals.items()}
        blocks.append(_amounts(caption, totals, "results.csv has them all"))
    warned = [
        Figure(
            f"{summary.warnings[warning]:,}",
            warning,
            summary.file_warnings.get(warning) or f"{warning_meaning(warning)} {warning_remedy(warning)}",
        )
        for warning in WarningCode
        if summary.warnings.get(warning)
    ]
    if warned:
        blocks.append(Figures("Warnings, which changed no outcome", ("Rows", "Warning"), warned))
    return blocks


def _what_to_do(summary: ImportSummary) -> list[Block]:
    folder = "rewards/" if summary.loads_rewards else "preview/" if summary.dry_run else "redemptions/"
    points = [
        (
            f"{outcome} ({_count(summary.outcomes[outcome], 'row')})",
            mending(outcome, summary.loads_rewards, summary.reverses),
        )
        for outcome in Outcome
        if summary.outcomes.get(outcome) and outcome not in SETTLED
    ]
    if summary.reverses:
        return [Heading("What to do about the failed rows"), Points(points)]
    again = (
        f"Correct the rows in failed.csv and upload that file to the folder {folder} of the upload bucket. "
        "Its column message says more about each row; its last two columns may stay, they are ignored."
    )
    return [Heading("What to do about the failed rows"), Points(points), Paragraph(again)]


def _about(summary: ImportSummary) -> Facts:
    rows = sum(summary.outcomes.values())
    return Facts(
        f"About this {_what(summary).lower()}",
        [
            ("Name", shortened(summary.name, _NAME)),
            ("File", shortened(summary.file_name, _NAME)),
            ("Id", summary.import_id),
            ("Rows", f"{rows:,}" if rows else ""),
        ],
    )


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

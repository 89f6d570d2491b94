"""The three emails (CONTRACT section 7): each is made of blocks that render to HTML and to text.

Both parts say the same. Everything that came from a file or a person is escaped in HTML, and
line breaks never reach a subject.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rewards.rules.outcomes import SETTLED, FileProblem, Outcome
from rewards.rules.report import iso
from rewards.rules.units import format_value


@dataclass(frozen=True, slots=True)
class Email:
    """A subject and the same content twice."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a label and a value; numbers stand right."""

    caption: str
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


Block = Paragraph | Table | Link


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What the emails say of an import; `redeemed` in credits by unit."""

    name: str
    file_name: str
    import_id: str
    dry_run: bool
    loads_rewards: bool
    cancelled: bool
    outcomes: Mapping[str, int]
    redeemed: Mapping[str, int]


# What an operator does about rows of an outcome.
_MENDING = {
    Outcome.INVALID_VALUE: "Write plain numbers, for example 10.55.",
    Outcome.NOT_POSITIVE: "Only positive values are redeemed; 0 or blank leaves a row alone.",
    Outcome.TRUNCATES_TO_ZERO: "The value is below the unit's smallest step.",
    Outcome.MISSING_FIELD: "Copy the blank ids or unit from the report.",
    Outcome.ROW_CHANGED: "Take these rows from the report again: only valueToRedeem may be edited, "
    "and a sort must move whole rows.",
    Outcome.DUPLICATE_ROW: "Of several rows for one balance only the first is looked at. Delete these rows, "
    "unless they are meant as a further redemption.",
    Outcome.NO_BALANCE: "There is no such participant, or no reward: check the ids.",
    Outcome.UNIT_MISMATCH: "Use the unit in which the participant has a balance; the message lists them.",
    Outcome.INSUFFICIENT_BALANCE: "More was asked than is available; the message says what is.",
    Outcome.CANCELLED: "The import was cancelled before these rows; upload failed.csv to redeem them.",
    Outcome.NOT_PROCESSED: "The system could not process these rows and changed nothing for them; "
    "upload failed.csv to try again.",
    Outcome.UNSUPPORTED_TYPE: "Only rewards of type CREDIT carry a balance.",
    Outcome.ID_IN_USE: "A reward id belongs to one participant and unit.",
    Outcome.BALANCE_FULL: "The balance holds as many open rewards as it can.",
}


def report_ready(
    name: str,
    rows: int,
    totals: Mapping[str, int],
    as_of: int,
    url: str,
    works_until: int,
) -> Email:
    """The report is ready. `totals` in credits by unit; dates in Unix milliseconds."""
    blocks: list[Block] = [
        Paragraph(f"Your report “{name}” is ready. It shows the balances as they stood at {_when(as_of)}."),
        Table("Available", [("Rows", f"{rows:,}"), *_amounts(totals)]),
        Link("Download the report", url),
        Paragraph(f"The link works until {_when(works_until)} and opens only this file."),
        Paragraph(
            "Pay, fill in the column valueToRedeem, leave every other column as it is, and upload the file. "
            "A row is redeemed once only, even if the file is uploaded again."
        ),
    ]
    return _email(f"Report ready: {name}, {_count(rows, 'row')}", blocks)


def report_failed(name: str, reason: str) -> Email:
    """The report could not be made."""
    return _email(
        f"Report failed: {name}", [Paragraph(f"The report “{name}” could not be made."), Paragraph(reason)]
    )


def import_finished(
    summary: ImportSummary,
    results_url: str,
    failed_url: str | None,
    works_until: int,
) -> Email:
    """The import has ended and every row has its answer."""
    what, state, result = _told(summary)
    blocks: list[Block] = [_ended(summary), *_counts(summary)]
    blocks.append(Link("Results of every row (results.csv)", results_url))
    if failed_url:
        blocks.append(Link("Only the failed rows (failed.csv)", failed_url))
        blocks.append(Paragraph("What to do about the failed rows:"))
        hints = [(o, _MENDING[Outcome(o)]) for o in sorted(summary.outcomes) if Outcome(o) in _MENDING]
        blocks.append(Table("", hints))
        blocks.append(
            Paragraph(
                "Correct the rows in failed.csv and upload it as it is: its last two columns are ignored."
            )
        )
    blocks.append(Paragraph(f"The links work until {_when(works_until)} and open only these files."))
    return _email(f"{what} {state}: {summary.name}, {result}", blocks)


def import_without_results(summary: ImportSummary, reason: str) -> Email:
    """The import has ended, but its results could not be written."""
    what, state, result = _told(summary)
    blocks = [
        _ended(summary),
        *_counts(summary),
        Paragraph(f"{reason} Uploading the same report rows again is safe and writes the answers anew."),
    ]
    return _email(f"{what} {state} without results: {summary.name}, {result}", blocks)


def _told(summary: ImportSummary) -> tuple[str, str, str]:
    """What it was, how it ended, and how many rows went through."""
    done = Outcome.LOADED if summary.loads_rewards else Outcome.REDEEMED
    verb = "loaded" if summary.loads_rewards else "would be redeemed" if summary.dry_run else "redeemed"
    failed = sum(count for outcome, count in summary.outcomes.items() if Outcome(outcome) not in SETTLED)
    result = f"{summary.outcomes.get(done, 0):,} {verb}" + (f", {failed:,} failed" if failed else "")
    return (
        "Preview" if summary.dry_run else "Import",
        "cancelled" if summary.cancelled else "finished",
        result,
    )


def _ended(summary: ImportSummary) -> Paragraph:
    what, _, _ = _told(summary)
    state = "was cancelled" if summary.cancelled else "has finished"
    preview = " This was a preview: no balance was changed." if summary.dry_run else ""
    return Paragraph(f"{what} of “{summary.file_name}” ({summary.import_id}) {state}.{preview}")


def _counts(summary: ImportSummary) -> list[Block]:
    blocks: list[Block] = [
        Table("Rows by outcome", [(o, f"{n:,}") for o, n in sorted(summary.outcomes.items())])
    ]
    if summary.redeemed:
        caption = "Would be redeemed" if summary.dry_run else "Total redeemed"
        blocks.append(Table(caption, _amounts(summary.redeemed)))
    return blocks


def import_rejected(summary: ImportSummary, code: str, message: str) -> Email:
    """The file as a whole was refused."""
    blocks: list[Block] = [
        Paragraph(f"The file “{summary.file_name}” ({summary.import_id}) was rejected. Nothing was changed."),
        Table("Reason", [(code, message)]),
        Paragraph(_file_mending(FileProblem(code), summary.loads_rewards)),
    ]
    return _email(f"Import rejected: {summary.name}, {code}", blocks)


_FILE_MENDING = {
    FileProblem.UNSUPPORTED_FORMAT: "Save it as CSV (in a spreadsheet: “CSV UTF-8”) and upload it again.",
    FileProblem.EMPTY_FILE: "Check that you chose the right file, and that it was saved before the upload.",
    FileProblem.MISSING_COLUMNS: "Start from a fresh report and change nothing but the column valueToRedeem.",
    FileProblem.UNREADABLE_FILE: "Open it in a spreadsheet, save it as “CSV UTF-8”, and upload it again.",
    FileProblem.FILE_TOO_LARGE: "Split the file, keep the header row in each part, and upload the parts.",
    FileProblem.DUPLICATE_FILE: "If these redemptions are meant once more, change the file (its rows have no "
    "rowId, so the system cannot tell), or start from a fresh report.",
    FileProblem.VALIDATION_FAILED: "The fault is not in your file. Upload it again later; if it fails again, "
    "tell those who run this service.",
}


def _file_mending(problem: FileProblem, loads_rewards: bool) -> str:
    if problem is FileProblem.MISSING_COLUMNS and loads_rewards:
        return "A rewards file needs these columns; all others may be left out."
    return _FILE_MENDING[problem]


def _amounts(totals: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(unit, format_value(credits, unit)) for unit, credits in sorted(totals.items())]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _when(milliseconds: int) -> str:
    return iso(milliseconds // 60_000 * 60_000).replace("T", " ")[:16] + " UTC"


def _email(subject: str, blocks: Sequence[Block]) -> Email:
    one_line = " ".join(subject.split())[:200]
    text = "\n\n".join(filter(None, (_text(block) for block in blocks))) + "\n"
    body = "\n".join(filter(None, (_html(block) for block in blocks)))
    return Email(one_line, text, _PAGE.format(title=escape(one_line), body=body))


def _text(block: Block) -> str:
    match block:
        case Paragraph(text):
            return text
        case Link(label, url):
            return f"{label}:\n{url}"
        case Table(caption, rows):
            # One line a row: units are free text, and could pretend to be a paragraph of ours.
            cells = [(" ".join(label.split()), " ".join(value.split())) for label, value in rows]
            width = max((len(label) for label, _ in cells), default=0)
            lines = [f"  {label:<{width}}  {value}" for label, value in cells]
            return "\n".join([*([f"{caption}:"] if caption else []), *lines])


def _html(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>" if text else ""
        case Link(label, url):
            return f'<p><a href="{escape(url)}">{escape(label)}</a></p>'
        case Table(caption, rows):
            head = f"<caption>{escape(caption)}</caption>" if caption else ""
            cells = "".join(
                f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>'
                for label, value in rows
            )
            return f"<table>{head}{cells}</table>"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 0 auto; padding: 1.5rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
caption {{ text-align: left; font-weight: bold; }}
th, td {{ text-align: left; vertical-align: top; padding: .25rem 1.5rem .25rem 0; font-weight: normal; }}
td {{ font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""

"""The outcomes of an import's rows in words, with the first rows of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from rewards.domain.examples import ExampleRow, ExamplesRecord
from rewards.domain.import_job import ImportJob
from rewards.domain.outcomes import FILE_PROBLEMS, OUTCOMES, WARNINGS, Outcome, WarningCode


@dataclass(frozen=True, slots=True)
class Example:
    """A row of the upload, and what became of it."""

    line: int
    message: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class OutcomeOfRows:
    """What became of some rows; `remedy` is None where there is nothing to fix."""

    outcome: Outcome
    rows: int
    failed: bool
    retryable: bool
    title: str
    meaning: str
    remedy: str | None
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class WarningOfRows:
    """A warning about some rows, or about the file."""

    warning: WarningCode
    rows: int
    title: str
    meaning: str
    remedy: str
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a whole file was rejected, and how to fix it."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class OutcomeSummary:
    """What became of an import's rows. `columns` name the cells of the examples."""

    columns: list[str]
    outcomes: list[OutcomeOfRows]
    warnings: list[WarningOfRows]
    rejection: Rejection | None


def summarise_outcomes(job: ImportJob, kept: ExamplesRecord | None) -> OutcomeSummary:
    """Explain the outcomes of an import: failed ones first, then in the order of the contract.

    `kept` is what domain.examples.Examples kept, None if it is not kept (any more).
    """
    kept = kept or {}
    rows, warned = kept.get("rows", {}), kept.get("warned", {})
    found = [Outcome(name) for name, count in job.outcomes.items() if count]
    found.sort(key=lambda outcome: (not OUTCOMES[outcome].is_failed, list(Outcome).index(outcome)))
    warnings = [WarningCode(name) for name, count in job.known_warnings.items() if count]
    return OutcomeSummary(
        columns=kept.get("columns", []),
        outcomes=[_outcome(job, outcome, rows.get(outcome, [])) for outcome in found],
        warnings=[_warning(job, warning, warned.get(warning, [])) for warning in warnings],
        rejection=_rejection(job),
    )


def _outcome(job: ImportJob, outcome: Outcome, rows: Sequence[ExampleRow]) -> OutcomeOfRows:
    entry = OUTCOMES[outcome]
    texts = entry.texts_for(job.purpose)
    return OutcomeOfRows(
        outcome=outcome,
        rows=job.outcomes[outcome],
        failed=entry.is_failed,
        retryable=entry.may_retry,
        title=texts.title,
        meaning=texts.meaning,
        remedy=texts.remedy or None,
        examples=[Example(*row) for row in rows],
    )


def _warning(job: ImportJob, warning: WarningCode, rows: Sequence[ExampleRow]) -> WarningOfRows:
    texts = WARNINGS[warning]
    return WarningOfRows(
        warning=warning,
        rows=job.known_warnings[warning],
        title=texts.title,
        meaning=job.file_warnings.get(warning) or texts.meaning,
        remedy=texts.remedy,
        examples=[Example(*row) for row in rows],
    )


def _rejection(job: ImportJob) -> Rejection | None:
    problem = job.error.code.file_problem if job.error else None
    if problem is None:
        return None
    entry = FILE_PROBLEMS[problem]
    return Rejection(entry.reason, entry.remedy_for(job.purpose))

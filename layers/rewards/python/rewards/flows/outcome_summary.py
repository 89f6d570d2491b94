"""The outcomes of an import's rows in words, with the first rows of each."""

from collections.abc import Sequence
from typing import Any

from rewards.adapters.jobs_table import Record
from rewards.domain.import_job import ImportJob
from rewards.domain.outcomes import FILE_PROBLEMS, OUTCOMES, WARNINGS, Outcome, WarningCode

_NO_EXAMPLES: Record = {"columns": [], "rows": {}, "warned": {}}


def summarise_outcomes(job: ImportJob, examples: Record | None) -> Record:
    """Explain the outcomes of an import: failed ones first, then in the order of the contract.

    `examples` is what domain.examples.Examples kept, None if it is not kept (any more).
    """
    kept = examples or _NO_EXAMPLES
    found = [Outcome(name) for name, rows in job.outcomes.items() if rows]
    found.sort(key=lambda outcome: (not OUTCOMES[outcome].is_failed, list(Outcome).index(outcome)))
    warned = [WarningCode(name) for name, rows in job.warnings.items() if rows]
    return {
        "columns": kept["columns"],
        "outcomes": [_outcome(job, outcome, kept["rows"].get(outcome, [])) for outcome in found],
        "warnings": [_warning(job, warning, kept) for warning in warned],
        "rejection": _rejection(job),
    }


def _outcome(job: ImportJob, outcome: Outcome, rows: Sequence[Any]) -> Record:
    entry = OUTCOMES[outcome]
    texts = entry.texts_for(job.purpose)
    return {
        "outcome": outcome.value,
        "rows": job.outcomes[outcome],
        "failed": entry.is_failed,
        "retryable": entry.may_retry,
        "title": texts.title,
        "meaning": texts.meaning,
        "remedy": texts.remedy or None,
        "examples": _shown(rows),
    }


def _warning(job: ImportJob, warning: WarningCode, kept: Record) -> Record:
    texts = WARNINGS[warning]
    return {
        "warning": warning.value,
        "rows": job.warnings[warning],
        "title": texts.title,
        "meaning": job.file_warnings.get(warning) or texts.meaning,
        "remedy": texts.remedy,
        # Files of version 0.1 kept no rows by warning.
        "examples": _shown(kept.get("warned", {}).get(warning, [])),
    }


def _rejection(job: ImportJob) -> Record | None:
    problem = job.error.code.file_problem if job.error else None
    if problem is None:
        return None
    entry = FILE_PROBLEMS[problem]
    return {"reason": entry.reason, "remedy": entry.remedy_for(job.purpose)}


def _shown(rows: Sequence[Any]) -> list[Record]:
    return [{"line": line, "message": message, "cells": cells} for line, message, cells in rows]

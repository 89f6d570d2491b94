"""The outcomes of an import's rows in words, with the first rows of each."""

from collections.abc import Sequence
from typing import Any

from rewards.adapters.jobs import Record
from rewards.domain.outcomes import (
    FILE_PROBLEMS,
    OUTCOMES,
    WARNINGS,
    FileProblem,
    Outcome,
    Purpose,
    WarningCode,
)
from rewards.flows.imports import REWARD_TYPE

_NO_EXAMPLES: Record = {"columns": [], "rows": {}, "warned": {}}


def purpose_of(record: Record) -> Purpose:
    """Return what an import does with its rows."""
    if record["type"] == REWARD_TYPE:
        return Purpose.REWARDS
    if record.get("reverses"):
        return Purpose.REVERSAL
    return Purpose.PREVIEW if record["dryRun"] else Purpose.REDEMPTION


def summarise_outcomes(record: Record, examples: Record | None) -> Record:
    """Explain the outcomes in an import's record: failed ones first, then in the order of the contract.

    `examples` is what domain.examples.Examples kept, None if it is not kept (any more).
    """
    kept = examples or _NO_EXAMPLES
    found = [Outcome(name) for name, rows in record["outcomes"].items() if rows]
    found.sort(key=lambda outcome: (not OUTCOMES[outcome].is_failed, list(Outcome).index(outcome)))
    warned = [WarningCode(name) for name, rows in record.get("warnings", {}).items() if rows]
    return {
        "columns": kept["columns"],
        "outcomes": [_outcome(record, outcome, kept["rows"].get(outcome, [])) for outcome in found],
        "warnings": [_warning(record, warning, kept) for warning in warned],
        "rejection": _rejection(record),
    }


def _outcome(record: Record, outcome: Outcome, rows: Sequence[Any]) -> Record:
    entry = OUTCOMES[outcome]
    texts = entry.texts_for(purpose_of(record))
    return {
        "outcome": outcome.value,
        "rows": record["outcomes"][outcome],
        "failed": entry.is_failed,
        "retryable": entry.may_retry,
        "title": texts.title,
        "meaning": texts.meaning,
        "remedy": texts.remedy or None,
        "examples": _shown(rows),
    }


def _warning(record: Record, warning: WarningCode, kept: Record) -> Record:
    texts = WARNINGS[warning]
    return {
        "warning": warning.value,
        "rows": record["warnings"][warning],
        "title": texts.title,
        "meaning": record["fileWarnings"].get(warning) or texts.meaning,
        "remedy": texts.remedy,
        # Files of version 0.1 kept no rows by warning.
        "examples": _shown(kept.get("warned", {}).get(warning, [])),
    }


def _rejection(record: Record) -> Record | None:
    code = (record["error"] or {}).get("code")
    if code not in set(FileProblem):
        return None
    entry = FILE_PROBLEMS[FileProblem(code)]
    return {"reason": entry.reason, "remedy": entry.remedy_for(purpose_of(record))}


def _shown(rows: Sequence[Any]) -> list[Record]:
    return [{"line": line, "message": message, "cells": cells} for line, message, cells in rows]

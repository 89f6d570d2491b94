"""The outcomes of an import's rows, explained, with the first rows of each."""

from collections.abc import Sequence
from typing import Any

from rewards.adapters.jobs import Record
from rewards.domain import remedy
from rewards.domain.outcomes import SETTLED, FileProblem, Outcome, WarningCode
from rewards.flows.imports import REWARD_TYPE

_NO_EXAMPLES: Record = {"columns": [], "rows": {}, "warned": {}}


def summarise_outcomes(record: Record, examples: Record | None) -> Record:
    """The outcomes of an import's record: failed ones first, then in the order of the contract.

    `examples` is what rules.examples.Examples kept, None where it is not kept (any more).
    """
    kept = examples or _NO_EXAMPLES
    found = [Outcome(name) for name, rows in record["outcomes"].items() if rows]
    found.sort(key=lambda outcome: (outcome in SETTLED, list(Outcome).index(outcome)))
    return {
        "columns": kept["columns"],
        "outcomes": [_outcome(record, outcome, kept["rows"].get(outcome, [])) for outcome in found],
        "warnings": [_warning(record, WarningCode(name), kept) for name in record.get("warnings", {})],
        "refusal": _refusal(record),
    }


def _outcome(record: Record, outcome: Outcome, rows: Sequence[Any]) -> Record:
    loads, reverses = record["type"] == REWARD_TYPE, bool(record.get("reverses"))
    failed = outcome not in SETTLED
    return {
        "outcome": outcome.value,
        "rows": record["outcomes"][outcome],
        "failed": failed,
        "meaning": remedy.meaning(outcome, loads, record["dryRun"], reverses),
        "mending": remedy.remedy(outcome, loads, reverses) if failed else None,
        "examples": _shown(rows),
    }


def _warning(record: Record, warning: WarningCode, kept: Record) -> Record:
    return {
        "warning": warning.value,
        "rows": record["warnings"][warning],
        "meaning": record["fileWarnings"].get(warning) or remedy.warning_meaning(warning),
        "remedy": remedy.warning_remedy(warning),
        # Files of version 0.1 kept no rows by warning.
        "examples": _shown(kept.get("warned", {}).get(warning, [])),
    }


def _refusal(record: Record) -> Record | None:
    code = (record["error"] or {}).get("code")
    if code not in set(FileProblem):
        return None
    problem = FileProblem(code)
    return {
        "reason": remedy.reason(problem),
        "mending": remedy.file_remedy(problem, record["type"] == REWARD_TYPE),
    }


def _shown(rows: Sequence[Any]) -> list[Record]:
    return [{"line": line, "message": message, "cells": cells} for line, message, cells in rows]

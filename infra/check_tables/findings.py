"""What the check finds: one line each."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What was done about a finding, or who has to do it."""

    REPAIRED = "repaired"
    REPAIR = "to repair with --repair"
    REAPPLY = "to apply again with --reapply"
    DECIDE = "to decide"
    WRONG = "wrong"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it has to be; `subject` has the keys."""

    state: State
    subject: str
    text: str

    def __str__(self) -> str:
        return f"[{self.state}] {self.subject}: {self.text}"

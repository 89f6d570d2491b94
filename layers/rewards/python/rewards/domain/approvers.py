"""Who may approve an import: nobody who asked for it (CONTRACT section 9 "Approval")."""

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import getaddresses

from rewards.domain.import_job import ImportJob


@dataclass(frozen=True, slots=True)
class Approver:
    """A signed-in user of the group `approvers`: Cognito's id, and the verified email address."""

    id: str
    email: str


def why_excluded(approver: Approver, job: ImportJob, dry_run: ImportJob | None) -> str | None:
    """Why an approver may not decide about an import, or None; `dry_run` is the one that it was started from.

    A requester is stored as a user's id or address, depending on the token, so both are compared.
    """
    if _is_one_of(approver, (job.requester, job.requester_id)):
        return "You requested this import, so another approver has to decide."
    if dry_run is not None and _is_one_of(approver, (dry_run.requester, dry_run.requester_id)):
        return "You created the preview of this import, so another approver has to decide."
    named = [text for each in (job, dry_run) if each for text in (each.mailto_email, each.named_email)]
    if _is_one_of(approver, named):
        return "The email about this import goes to you, so another approver has to decide."
    return None


def _is_one_of(approver: Approver, texts: Iterable[str | None]) -> bool:
    own = {approver.id.casefold(), approver.email.strip().casefold()}
    return any(own.intersection(_names(text)) for text in texts if text)


def _names(text: str) -> Iterable[str]:
    """A text itself, and the addresses in it: an upload's metadata can be `Ann <ann@example.com>`."""
    yield text.strip().casefold()
    for _, address in getaddresses([text]):
        yield address.strip().casefold()

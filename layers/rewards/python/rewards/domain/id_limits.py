"""The longest ids, units, programs and references: what fits into DynamoDB's keys and into a message."""

from rewards.domain.repair import Identity
from rewards.domain.texts import normalised, problem_of_id

# UTF-8 bytes. No participant has a longer id, no reward a longer unit or program.
MAX_ID_BYTES = 256
MAX_UNIT_BYTES = 64
MAX_PROGRAM_ID_BYTES = 128
MAX_REFERENCE = 64  # characters


def fits(identity: Identity) -> bool:
    """Whether a participant, unit and program can have these texts."""
    account_id, user_id, unit, program_id = identity
    limits = (MAX_ID_BYTES, MAX_ID_BYTES, MAX_UNIT_BYTES, MAX_PROGRAM_ID_BYTES)
    texts = map(normalised, (account_id, user_id, unit, program_id or ""))
    return all(
        len(text) * 4 <= limit or len(text.encode()) <= limit  # the first check is enough for most
        for text, limit in zip(texts, limits, strict=True)
    )


def problem_of_reference(reference: str) -> str:
    """Why a text cannot be a payment's reference; "" if it can."""
    if len(reference) > MAX_REFERENCE:
        return f"reference is longer than {MAX_REFERENCE} characters."
    problem = problem_of_id(reference)
    return f"reference {problem}" if problem else ""

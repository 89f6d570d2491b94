"""What callers of the API may do (CONTRACT section 8)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Scope(StrEnum):
    """A set of permissions: `write` is what operators may do, `admin` what administrators may do, `approve`
    what approvers may do."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    APPROVE = "approve"


# What API keys can have. An approval is a person's.
KEY_SCOPES = (Scope.READ, Scope.WRITE, Scope.ADMIN)


# The groups of the user pool. A user may be in several; users in none of them may do nothing.
GROUPS: Mapping[str, frozenset[Scope]] = {
    "viewers": frozenset({Scope.READ}),
    "operators": frozenset({Scope.READ, Scope.WRITE}),
    "approvers": frozenset({Scope.READ, Scope.APPROVE}),
    "administrators": frozenset({Scope.READ, Scope.ADMIN}),
}


def scopes_of_groups(groups: Iterable[object]) -> frozenset[Scope]:
    """What a user in these groups may do."""
    named = list(groups)
    return frozenset().union(*(scopes for group, scopes in GROUPS.items() if group in named))


def with_read(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes of an API key: each of them includes reading."""
    return frozenset({*scopes, Scope.READ})

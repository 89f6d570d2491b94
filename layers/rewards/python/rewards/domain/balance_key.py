"""The key of a balance."""

from typing import NamedTuple


class BalanceKey(NamedTuple):
    """Whose balance, and in which unit: what one participant of an account has in one unit."""

    account_id: str
    user_id: str
    unit: str

    @property
    def participant(self) -> tuple[str, str]:
        """The account and the user."""
        return self.account_id, self.user_id

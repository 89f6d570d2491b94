"""The users of a Cognito user pool."""

from typing import Any

from rewards.adapters.errors import translated


class PoolUsers:
    """Finds users of one pool by their email address."""

    def __init__(self, client: Any, pool_id: str) -> None:
        self._client = client
        self._pool_id = pool_id

    def knows(self, address: str) -> bool:
        """Whether an enabled user has this address; letters' case does not matter.

        `address` is one that SES could send to, so it has no quotes. Raises whatever Cognito answers
        otherwise: who cannot be asked knows nobody, but that does not mean that there is nobody.
        """
        return any(self._has(spelling, address) for spelling in dict.fromkeys((address, address.lower())))

    def _has(self, spelling: str, address: str) -> bool:
        pages = self._client.get_paginator("list_users").paginate(
            UserPoolId=self._pool_id, Filter=f'email = "{spelling}"'
        )
        with translated():
            for page in pages:
                for user in page["Users"]:
                    found = {each["Name"]: each.get("Value", "") for each in user.get("Attributes", [])}
                    if user.get("Enabled") and found.get("email", "").lower() == address.lower():
                        return True
        return False

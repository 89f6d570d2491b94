"""The keys of rowIds, in a secret of AWS Secrets Manager."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rewards.domain.row_ids import RowIdKeys

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# A new key has to be known everywhere before its start, which is at least 24 hours after it is stored.
_READ_AGAIN = 3_600_000


class StoredRowIdKeys:
    """Reads the keys, and reads them again after an hour. `now` gives Unix milliseconds."""

    def __init__(self, client: "SecretsManagerClient", secret_id: str, now: Callable[[], int]) -> None:
        self._client = client
        self._secret_id = secret_id
        self._now = now
        self._keys: RowIdKeys | None = None
        self._read_at = 0

    def __call__(self) -> RowIdKeys:
        """The keys, at most an hour old. Raises RowIdKeysError if the secret has another form."""
        now = self._now()
        if self._keys is None or now - self._read_at >= _READ_AGAIN:
            secret = self._client.get_secret_value(SecretId=self._secret_id)
            self._keys = RowIdKeys.parse(secret["SecretString"])
            self._read_at = now
        return self._keys

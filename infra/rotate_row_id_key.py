"""Add a new key for rowIds to the secret of a stack: `python -m infra.rotate_row_id_key SECRET`.

SECRET is the stack's output `RowIdKeySecret`. The new key starts 25 hours from now: by then every function
has read the secret again. Earlier keys stay, so that reports made with them stay valid.
"""

import json
import secrets
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3

from rewards.domain.row_ids import RowIdKeys, entries

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_HOUR = 3_600_000
_START_AFTER = 25 * _HOUR  # at least 24 hours, and one for clocks and slow hands


def rotate(client: "SecretsManagerClient", secret_id: str, now: int) -> int:
    """Store a new key beside the present ones; its start (Unix ms). Raises RowIdKeysError if the secret has
    another form, and changes nothing then."""
    keys = entries(client.get_secret_value(SecretId=secret_id)["SecretString"])
    RowIdKeys((each["startsAt"], each["key"]) for each in keys)
    start = now + _START_AFTER
    text = json.dumps([*keys, {"key": secrets.token_hex(32), "startsAt": start}])
    RowIdKeys.parse(text)
    client.put_secret_value(SecretId=secret_id, SecretString=text)
    return start


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    start = rotate(boto3.client("secretsmanager"), sys.argv[1], time.time_ns() // 1_000_000)
    when = f"{datetime.fromtimestamp(start // 1000, UTC):%Y-%m-%d %H:%M} UTC"
    print(f"Reports requested from {when} on use the new key. Earlier reports stay valid.")


if __name__ == "__main__":
    main()

"""Bulk reward redemption: the rules (pure), the adapters (AWS) and the flows that join them.

`rules` import each other, the standard library, orjson and chardet. `adapters` import rules, boto3,
orjson and PyJWT, and read the table of iso4217. `flows` import both, and XlsxWriter. The Lambda handlers in
`functions/` import everything. A unit test checks these imports.
"""

from rewards.adapters.currencies import read_currencies
from rewards.rules.units import use_currencies

# Here, because no part of the package may ever count money without it.
use_currencies(read_currencies)

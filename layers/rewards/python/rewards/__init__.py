"""Bulk reward redemption: the rules (pure), the adapters (AWS) and the flows that join them.

`rules` import the standard library and each other. `adapters` import rules. `flows` import
both. The Lambda handlers in `functions/` import everything. A test holds that direction.
"""

from rewards.adapters.currencies import read_currencies
from rewards.rules.units import use_currencies

# Here, because no part of the package may ever count money without it.
use_currencies(read_currencies)

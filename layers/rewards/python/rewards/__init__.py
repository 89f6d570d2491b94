"""Bulk reward redemption.

`domain` has the rules and imports the standard library only. `tabular` reads and writes tables, `email`
composes emails; both import the domain. `adapters` speak to AWS, and `flows` have one use case per module. A
unit test checks these imports.
"""

import logging

from rewards.adapters.currencies import read_currencies
from rewards.domain.units import use_currencies

# Here, because no part of the package may ever count money without it.
use_currencies(read_currencies)

# Functions write what the package logs. Without a handler, as in tools, Python would print warnings.
logging.getLogger(__name__).addHandler(logging.NullHandler())

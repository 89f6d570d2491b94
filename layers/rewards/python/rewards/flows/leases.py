"""Leases of work that only one worker may do at a time, in milliseconds.

A lease outlives the function that holds it by at least a minute: the clocks of two machines may differ, and
a request of a function that timed out may still arrive. A message stays hidden in its queue for longer than
the lease, so that whoever receives it again finds the lease expired. A unit test holds both to the template.
"""

# A chunk of an import, held by the function redeem.
CHUNK = 180_000
# A chunk whose message is a dead letter, held by the function finish.
DEAD_LETTER_CHUNK = 960_000
# The end of an import: its results, its status and its email. Held by the function finish.
FINISH = 960_000
# An export, held by the function report.
EXPORT = 960_000

"""One module per check: what is expected of a weight set, and what was found. Knows numpy, no framework."""

from gate.checks.digest import check_digest
from gate.checks.finite import check_finite
from gate.checks.interface import Check
from gate.checks.rules import check_rules
from gate.checks.statistics import check_statistics
from gate.checks.structure import check_structure
from gate.checks.values import check_values

# In the order in which they are made and reported.
CHECKS: dict[str, Check] = {
    "rules": check_rules,
    "digest": check_digest,
    "structure": check_structure,
    "finite": check_finite,
    "values": check_values,
    "statistics": check_statistics,
}

"""One module per check: what is expected of a weight set, and what was found. Knows numpy, no framework."""

from gate.checks.digest import check_digest
from gate.checks.finite import check_finite
from gate.checks.interface import Check
from gate.checks.loaded_values import check_loaded_values
from gate.checks.predictions import check_predictions
from gate.checks.restore import check_restore
from gate.checks.roundtrip import check_roundtrip
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
    "restore": check_restore,
    "roundtrip": check_roundtrip,
    "loaded-values": check_loaded_values,
    "predictions": check_predictions,
}

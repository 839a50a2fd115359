"""Is a manifest worth anything? Copies of the weights are damaged in ways that happen, and its checks see each of them.

A kind of damage is a line in the `DAMAGES` of the module of its family. Copies are overlays (`overlay`): no file is
written, and what a damage leaves alone is the mapped original, whose measurements are those of the run.
"""

from gate.mutations import elements, order, rounding, structure, values
from gate.mutations.interface import Damage

# In the order of reports.
DAMAGES: dict[str, Damage] = {
    **elements.DAMAGES,
    **values.DAMAGES,
    **order.DAMAGES,
    **structure.DAMAGES,
    **rounding.DAMAGES,
}

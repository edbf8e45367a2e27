"""The normalization steps that a mapping may name. Closed list: a mapping holds no code of its own.

A step takes the value so far and gives the next one, with the faults it can find on the way. A fault is
an expression that is true for a bad row; the row is then set aside with the fault's code. Each module of
this package is a family of steps and lists its own.
"""

from collections.abc import Mapping
from typing import Any

from renkei.mapping.steps import code, dates, names, numbers, places, strong_ids, text
from renkei.mapping.steps.kinds import SPREAD, Known, Misuse, Step, StepKind, Surroundings, Value

__all__ = ["SPREAD", "STEPS", "Known", "Misuse", "Step", "StepKind", "Surroundings", "Value", "parse"]

STEPS: dict[str, StepKind] = {
    **text.STEPS,
    **code.STEPS,
    **names.STEPS,
    **dates.STEPS,
    **numbers.STEPS,
    **strong_ids.STEPS,
    **places.STEPS,
}


def parse(declared: str | Mapping[str, Any]) -> Step:
    """``"trim"`` or ``{ wareki = "GYYMMDD", unknown = "00" }``: the first known key names the step."""
    if isinstance(declared, str):
        return Step(name=declared, options={})
    name = next((key for key in declared if key in STEPS), next(iter(declared)))
    options = {key: value for key, value in declared.items() if key != name}
    return Step(name=name, argument=declared[name], options=options)

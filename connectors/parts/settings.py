"""Settings of a connection that are written as text and meant as something else."""

from collections.abc import Mapping


def number(given: Mapping[str, str], name: str, default: str, problems: list[str]) -> float:
    """A number of zero or more; anything else is one of the ``problems``."""
    try:
        value = float(given.get(name, default))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        problems.append(f"{name} is no number of zero or more")
    return value

"""葛原市 (Kuzuhara), a fictional city: a labelled population in three independently written legacy systems.

Nothing here imports the hub. ``build`` makes the city, ``City`` runs its servers and replays its days,
``score`` compares what the hub found with the truth that only this package knows.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renkei_sample.city import City, build, open_city
    from renkei_sample.score import LinkScore, RuleScore, links, rejects, score

__all__ = ["City", "LinkScore", "RuleScore", "build", "links", "open_city", "rejects", "score"]

_HOME = {
    "City": "city",
    "build": "city",
    "open_city": "city",
    "LinkScore": "score",
    "RuleScore": "score",
    "links": "score",
    "rejects": "score",
    "score": "score",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use, so that importing the package costs nothing."""
    if name not in _HOME:
        raise AttributeError(name)
    from importlib import import_module

    found: object = getattr(import_module(f"renkei_sample.{_HOME[name]}"), name)
    return found

"""葛原市 (Kuzuhara), a fictional city: a labelled population in three independently written legacy systems.

Nothing here imports the hub. ``build`` makes the city, ``City`` runs its servers and replays its days,
:mod:`renkei_sample.score` compares what the hub found with the truth that only this package knows.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renkei_sample.city import City, build, open_city

__all__ = ["City", "build", "open_city"]


def __getattr__(name: str) -> object:
    """Load a public name on first use, so that importing the package costs nothing."""
    if name not in __all__:
        raise AttributeError(name)
    from importlib import import_module

    found: object = getattr(import_module("renkei_sample.city"), name)
    return found

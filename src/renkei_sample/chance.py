"""Chance that can be replayed: the same words give the same draws on every machine."""

from random import Random


def draws(*words: object) -> Random:
    """A generator named by words: seed, purpose, day."""
    return Random(":".join(str(word) for word in words))  # noqa: S311 - a city to be replayed, not a secret

"""Chance that can be replayed: the same words give the same draws on every machine."""

import zlib
from random import Random


def draws(*words: object) -> Random:
    """A generator named by words: seed, purpose, day."""
    return Random(":".join(str(word) for word in words))  # noqa: S311 - a city to be replayed, not a secret


def lot(purpose: str, number: str) -> int:
    """A number below 2**32 that a key always draws for a purpose, whatever else is drawn."""
    return zlib.crc32(f"{purpose}:{number}".encode())

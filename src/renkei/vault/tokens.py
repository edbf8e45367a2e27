"""Tokens of numbers: equal numbers give equal tokens under one key, and a token leads back to nothing.

A number of twelve figures hashed without a key is found by trying them all within a day or two, so the hash
is keyed: HMAC-SHA-256 (RFC 2104), its first 128 bits in hex. Each kind of number has a key of its own that is
derived from the one in the file, so that a resident code and an individual number never share a token.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import polars as pl

from renkei.errors import Stop
from renkei.vault import keyring

#: The key's name in its folder.
NAME = "token"

#: What a token shows where it must not be seen.
VEIL = "●●●"

_BLOCK, _HEX = 64, 32

Tokenize = Callable[[pl.Series], pl.Series]


class Tokens(Protocol):
    """Makes tokens. ``key_id`` says under which key, empty where there is none."""

    @property
    def key_id(self) -> str:
        """The key's public id."""
        ...

    def of(self, purpose: str) -> Tokenize:
        """What turns numbers of one kind into tokens; null stays null."""
        ...


@dataclass(frozen=True)
class TokenKey:
    """Tokens under the key of a folder, read (and the first time made) when first asked for."""

    folder: Path
    _made: dict[str, Tokenize] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _key(self) -> bytes:
        return keyring.ensure(self.folder, NAME)

    @property
    def key_id(self) -> str:
        """The key's public id."""
        return keyring.id_of(self._key)

    def of(self, purpose: str) -> Tokenize:
        """What turns numbers of one kind into tokens; a missing or unsafe key is ``E_SECRET_KEY``."""
        if purpose not in self._made:
            self._made[purpose] = _tokenize(_derived(self._key, purpose))
        return self._made[purpose]


@dataclass(frozen=True)
class Veiled:
    """Shows that there is a token and never which: for what a person looks at."""

    key_id: str = ""

    def of(self, _purpose: str) -> Tokenize:
        """One sign for every number."""
        return lambda numbers: pl.select(pl.when(numbers.is_not_null()).then(pl.lit(VEIL))).to_series()


@dataclass(frozen=True)
class Keyless:
    """Where no key was given: nothing is tokenised, least of all by a sign that all would share."""

    key_id: str = ""

    def of(self, _purpose: str) -> Tokenize:
        """Always ``E_SECRET_KEY``."""
        raise Stop("E_SECRET_KEY", path=f"{NAME}.key")


VEILED, KEYLESS = Veiled(), Keyless()


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, b"renkei token v1\0" + purpose.encode(), "sha256")


def _tokenize(key: bytes) -> Tokenize:
    """HMAC with both pads absorbed once: twice as fast as a new HMAC for each number."""
    padded = key.ljust(_BLOCK, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))

    def token(number: str) -> str:
        within, around = inner.copy(), outer.copy()
        within.update(number.encode())
        around.update(within.digest())
        return around.hexdigest()[:_HEX]

    def tokenize(numbers: pl.Series) -> pl.Series:
        distinct = numbers.drop_nulls().unique()
        made = pl.Series([token(number) for number in distinct], dtype=pl.String)
        return numbers.replace_strict(distinct, made, default=None, return_dtype=pl.String)

    return tokenize

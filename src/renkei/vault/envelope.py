"""Envelope encryption: a key-encrypting key (KEK) in a file wraps a data key (DEK) a year in the database.

AES-256-GCM throughout. What a ciphertext belongs to is authenticated with it, so one that is moved to another
row, column or table no longer opens. Rotation wraps the data keys anew; no number is touched.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from renkei.errors import Stop
from renkei.vault import keyring

NONCE_BYTES = 12

_PREFIX = "vault-"


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A ciphertext with its tag, and the nonce that it was made with."""

    nonce: bytes
    ciphertext: bytes


@dataclass(frozen=True, kw_only=True)
class DataKey:
    """The key of the numbers that came in one year."""

    key_id: str
    year: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Kek:
    """The key that wraps data keys. A module that never lets go of its key can stand in its place."""

    kek_id: str
    secret: bytes = field(repr=False)

    def wrap(self, key: DataKey) -> Sealed:
        """The data key, to be stored."""
        nonce = os.urandom(NONCE_BYTES)
        return Sealed(
            nonce=nonce, ciphertext=AESGCM(self.secret).encrypt(nonce, key.secret, _of_key(key.key_id))
        )

    def unwrap(self, sealed: Sealed, *, key_id: str, year: int) -> DataKey:
        """The data key again; one that this key did not wrap is ``E_VAULT_SEALED``."""
        return DataKey(key_id=key_id, year=year, secret=_opened(self.secret, sealed, _of_key(key_id)))


def new_data_key(year: int) -> DataKey:
    """A fresh data key of a year."""
    return DataKey(
        key_id=f"{year}-{secrets.token_hex(4)}", year=year, secret=secrets.token_bytes(keyring.KEY_BYTES)
    )


def seal(key: DataKey, numbers: Sequence[str], tokens: Sequence[str]) -> list[Sealed]:
    """Each number, bound to its token."""
    cipher, nonces = AESGCM(key.secret), os.urandom(NONCE_BYTES * len(tokens))
    made = []
    for place, (number, token) in enumerate(zip(numbers, tokens, strict=True)):
        nonce = nonces[place * NONCE_BYTES : (place + 1) * NONCE_BYTES]
        made.append(Sealed(nonce=nonce, ciphertext=cipher.encrypt(nonce, number.encode(), _of_number(token))))
    return made


def open_number(key: DataKey, sealed: Sealed, *, token: str) -> str:
    """The number; one of another row or another key is ``E_VAULT_SEALED``."""
    return _opened(key.secret, sealed, _of_number(token)).decode()


def _of_number(token: str) -> bytes:
    return f"vault.individual_number\0ciphertext\0{token}".encode()


def _of_key(key_id: str) -> bytes:
    return f"vault.data_key\0wrapped\0{key_id}".encode()


def _opened(secret: bytes, sealed: Sealed, bound_to: bytes) -> bytes:
    try:
        return AESGCM(secret).decrypt(sealed.nonce, sealed.ciphertext, bound_to)
    except InvalidTag:
        raise Stop("E_VAULT_SEALED") from None


# files -------------------------------------------------------------------------------------------


def kek_ids(folder: Path) -> tuple[str, ...]:
    """Every KEK of the folder, the newest first."""
    places = sorted(folder.glob(f"{_PREFIX}*.key"), key=lambda place: (place.stat().st_mtime_ns, place.name))
    return tuple(place.stem.removeprefix(_PREFIX) for place in reversed(places))


def load_kek(folder: Path, kek_id: str) -> Kek:
    """A KEK by its id; ``E_SECRET_KEY`` where it is gone, open to others or another one."""
    secret = keyring.load(folder, f"{_PREFIX}{kek_id}")
    if keyring.id_of(secret) != kek_id:
        raise Stop("E_SECRET_KEY", path=str(folder / f"{_PREFIX}{kek_id}.key"))
    return Kek(kek_id=kek_id, secret=secret)


def new_kek(folder: Path) -> Kek:
    """A fresh KEK, on disk before anything is wrapped with it."""
    secret = secrets.token_bytes(keyring.KEY_BYTES)
    kek_id = keyring.id_of(secret)
    return Kek(kek_id=kek_id, secret=keyring.create(folder, f"{_PREFIX}{kek_id}", secret))

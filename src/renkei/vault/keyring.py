"""Secret keys of the vault and of the tokens: one file a key, outside the database, readable by its owner.

A key that was there once is never made anew: what it has made could no longer be read or compared. A file
``<name>.id`` stays beside each key and says which one it was.
"""

import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from pathlib import Path

from renkei.errors import Stop

#: Bytes of every key: HMAC-SHA-256 and AES-256 take as many.
KEY_BYTES = 32


def id_of(key: bytes) -> str:
    """Eight bytes in hex that tell keys apart; of 256 random bits they betray nothing."""
    return sha256(b"renkei key id\0" + key).digest()[:8].hex()


def ensure(folder: Path, name: str) -> bytes:
    """The key ``<name>.key``, made at the first time; one that was there and is gone is ``E_SECRET_KEY``."""
    if not any((folder / f"{name}{kind}").exists() for kind in (".key", ".id")):
        create(folder, name)
    return load(folder, name)


def create(folder: Path, name: str, key: bytes | None = None) -> bytes:
    """Write a new key to disk, and its id beside it. Of two that do so at once one wins, and both use it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = key or secrets.token_bytes(KEY_BYTES)
    if _place(folder / f"{name}.key", b64encode(key), mode=0o400):
        _place(folder / f"{name}.id", id_of(key).encode(), mode=0o444)
        return key
    return load(folder, name)


def load(folder: Path, name: str) -> bytes:
    """Read a key; missing, readable by others, damaged or not the one of its id is ``E_SECRET_KEY``."""
    place = folder / f"{name}.key"
    try:
        open_to_others = place.stat().st_mode & 0o077
        key = b64decode(place.read_bytes().strip(), validate=True)
        known = (
            (folder / f"{name}.id").read_text("ascii").strip() if (folder / f"{name}.id").exists() else None
        )
    except (OSError, ValueError, Base64Error) as error:
        raise Stop("E_SECRET_KEY", path=str(place)) from error
    if open_to_others or len(key) != KEY_BYTES or known not in (None, id_of(key)):
        raise Stop("E_SECRET_KEY", path=str(place))
    return key


def _place(place: Path, content: bytes, *, mode: int) -> bool:
    """Whole on disk under its name, or not at all; false where the name is taken already."""
    temporary = place.with_name(f"{place.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.write(handle, content + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(temporary, place)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True

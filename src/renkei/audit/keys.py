"""The key that signs checkpoints, made at install and never shared between installations.

Both files hold one line in the notation of signed notes (C2SP): the private one begins with
``PRIVATE+KEY+``, the public one is ``<origin>+<key hash>+<base64>`` and is what an auditor keeps.
The origin names this one log; a checkpoint of another installation never passes for ours.
"""

import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from renkei.errors import Stop

PRIVATE_FILE, PUBLIC_FILE = "audit.key", "audit.pub"

_ED25519 = b"\x01"
_PRIVATE = "PRIVATE+KEY+"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The signing key of one log, under the log's own name."""

    origin: str
    private: Ed25519PrivateKey = field(repr=False, compare=False)

    @property
    def public(self) -> Ed25519PublicKey:
        """The half that checks."""
        return self.private.public_key()

    @property
    def verifier_line(self) -> str:
        """The line an auditor keeps; safe to print and to publish."""
        return f"{self.origin}+{self.key_hash.hex()}+{_base64(_ED25519 + self.public.public_bytes_raw())}"

    @property
    def key_hash(self) -> bytes:
        """Four bytes that tell keys of one origin apart."""
        return sha256(self.origin.encode() + b"\n" + _ED25519 + self.public.public_bytes_raw()).digest()[:4]

    def signature_line(self, text: str) -> str:
        """The line under a note: an em dash, the origin, the signature over the text."""
        return f"\u2014 {self.origin} {_base64(self.key_hash + self.private.sign(text.encode()))}\n"


def ensure(folder: Path, *, origin: str) -> Keys:
    """The key in this folder, made at the first time; a key that was there once is never replaced.

    A new key's origin gets a random tail, so that two installations of one city stay apart.
    A public key without its private one is a lost key (``E_AUDIT_KEY``), not a reason for a new one.
    """
    if not any((folder / name).exists() for name in (PRIVATE_FILE, PUBLIC_FILE)):
        _create(folder, f"{origin}/{secrets.token_hex(4)}")
    keys = load(folder)
    if not (folder / PUBLIC_FILE).exists():
        _write(folder / PUBLIC_FILE, keys.verifier_line, mode=0o444)
    return keys


def load(folder: Path) -> Keys:
    """Read the private key; missing, readable by others or damaged is ``E_AUDIT_KEY``."""
    path = folder / PRIVATE_FILE
    try:
        open_to_others = path.stat().st_mode & 0o077
        line = path.read_text("utf-8").strip()
    except OSError as error:
        raise Stop("E_AUDIT_KEY", path=str(path)) from error
    if open_to_others:
        raise Stop("E_AUDIT_KEY", path=str(path))
    return _parsed(line, path)


def _create(folder: Path, origin: str) -> None:
    if set("+ \n") & set(origin):
        raise ValueError("an origin has no plus sign, space or line break")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = Keys(origin=origin, private=Ed25519PrivateKey.generate())
    seed = _base64(_ED25519 + keys.private.private_bytes_raw())
    _write(folder / PRIVATE_FILE, f"{_PRIVATE}{origin}+{keys.key_hash.hex()}+{seed}", mode=0o400)


def _write(path: Path, line: str, *, mode: int) -> None:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.write(handle, line.encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    temporary.rename(path)


def _parsed(line: str, path: Path) -> Keys:
    try:
        origin, key_hash, encoded = line.removeprefix(_PRIVATE).split("+", 2)
        seed = b64decode(encoded, validate=True)
        keys = Keys(origin=origin, private=Ed25519PrivateKey.from_private_bytes(seed[1:]))
    except (ValueError, Base64Error) as error:
        raise Stop("E_AUDIT_KEY", path=str(path)) from error
    if seed[:1] != _ED25519 or keys.key_hash.hex() != key_hash:
        raise Stop("E_AUDIT_KEY", path=str(path))
    return keys


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")

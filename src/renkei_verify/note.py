"""Signed checkpoint notes, the keys that prove them, and the witness files that keep copies."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PublicKey(NamedTuple):
    """One line of the public key file: the log's name and the key that speaks for it."""

    origin: str
    key_hash: bytes
    key: Ed25519PublicKey


class Note(NamedTuple):
    """One checkpoint as somebody holds it. ``signed_at`` counts microseconds since 1970."""

    size: int
    root: str
    signed_at: int
    text: str


class Witness(NamedTuple):
    """A file of checkpoint copies: whole ones in order, and lines that are no checkpoint at all."""

    name: str
    notes: tuple[Note, ...]
    damaged: tuple[bytes, ...]


def read_keys(path: Path) -> tuple[PublicKey, ...]:
    """The public keys of a file, one a line; ``ValueError`` when a line is none."""
    keys = tuple(_key(line) for line in path.read_text("utf-8").split("\n") if line.strip())
    if not keys:
        raise ValueError(f"{path} holds no public key")
    return keys


def _key(line: str) -> PublicKey:
    origin, key_hash, encoded = line.strip().split("+", 2)
    blob = b64decode(encoded, validate=True)
    if blob[:1] != b"\x01" or sha256(origin.encode() + b"\n" + blob).hexdigest()[:8] != key_hash:
        raise ValueError(f"not a public key line of {origin}")
    return PublicKey(origin, bytes.fromhex(key_hash), Ed25519PublicKey.from_public_bytes(blob[1:]))


def parse(text: str) -> Note:
    """Read a note; ``ValueError`` for anything that is not one."""
    _, size, root, signed_at, *_ = text.split("\n\n")[0].split("\n")
    instant = datetime.strptime(signed_at, "signed-at %Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    raw = b64decode(root, validate=True)
    if (str(int(size)), b64encode(raw).decode(), len(raw)) != (size, root, 32):
        raise ValueError("not a checkpoint")
    return Note(int(size), raw.hex(), (instant - EPOCH) // timedelta(microseconds=1), text)


def is_signed(note: Note, keys: Sequence[PublicKey]) -> bool:
    """True when one of these keys signed exactly this text in this log's name."""
    text, _, signatures = note.text.partition("\n\n")
    ours = [key for key in keys if text.startswith(key.origin + "\n")]
    return any(_holds(line, text + "\n", key) for line in signatures.split("\n") for key in ours)


def _holds(line: str, text: str, key: PublicKey) -> bool:
    prefix = f"\u2014 {key.origin} "
    if not line.startswith(prefix):
        return False
    try:
        blob = b64decode(line.removeprefix(prefix), validate=True)
        key.key.verify(blob[4:], text.encode())
    except (ValueError, InvalidSignature):
        return False
    return blob[:4] == key.key_hash


def read_witness(path: Path) -> Witness:
    """A witness file; a line that a crash cut short counts as damaged unless it begins the next line."""
    lines = [line for line in path.read_bytes().split(b"\n") if line]
    notes: list[Note] = []
    damaged: list[bytes] = []
    for line, following in zip(lines, [*lines[1:], b""], strict=True):
        try:
            notes.append(parse(json.loads(line)["note"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            if not following.startswith(line):
                damaged.append(line)
    return Witness(str(path), tuple(notes), tuple(damaged))


def witness_line(note: Note) -> bytes:
    """The line by which a witness keeps this note."""
    value = {"size": note.size, "note": note.text}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Tree:
    """The Merkle tree of RFC 6962 as it grows; holds only the roots of its perfect subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        size, peaks = self.size, self._peaks
        while size & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> str:
        """The root at the present size, in hex."""
        root = b""
        for peak in reversed(self._peaks):
            root = sha256(b"\x01" + peak + root).digest() if root else peak
        return (root or sha256(b"").digest()).hex()

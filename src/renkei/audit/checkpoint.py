"""Checkpoints: what the log held at one moment, signed (a C2SP checkpoint in a signed note).

A note is the log's origin, its size, its Merkle root in base64 and the time of signing, a line each;
then an empty line; then the signature line, Ed25519 over all before the empty line.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from renkei.audit.keys import Keys


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The log's size and root at ``signed_at``, and the note that proves who said so."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


def sign(keys: Keys, *, size: int, root: bytes, signed_at: datetime) -> Checkpoint:
    """State the log's size and root under the log's key."""
    text = _text(keys.origin, size=size, root=root, signed_at=signed_at)
    return Checkpoint(size=size, root=root, note=f"{text}\n{keys.signature_line(text)}", signed_at=signed_at)


def verify(keys: Keys, checkpoint: Checkpoint) -> bool:
    """True when the note says what the checkpoint says, under this key."""
    text = _text(keys.origin, size=checkpoint.size, root=checkpoint.root, signed_at=checkpoint.signed_at)
    # Ed25519 signs one text in one way only, so signing again compares the signatures
    return checkpoint.note == f"{text}\n{keys.signature_line(text)}"


def stamp(instant: datetime) -> str:
    """An instant as the note writes it: UTC with six digits, ending in Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(origin: str, *, size: int, root: bytes, signed_at: datetime) -> str:
    return f"{origin}\n{size}\n{b64encode(root).decode('ascii')}\nsigned-at {stamp(signed_at)}\n"

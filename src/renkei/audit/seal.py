"""The sealer: gives committed events their place in the tree and signs what the tree then holds.

One sealer at a time, under a transaction lock. Leaves and checkpoint are one transaction; the copies
follow it, and no further checkpoint is signed before the last one is on every witness. So after a crash
at any point the next seal finds either nothing done or one checkpoint to copy.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from renkei.audit import merkle, witness
from renkei.audit.checkpoint import Checkpoint, sign, verify
from renkei.audit.keys import Keys
from renkei.errors import FixDeclaration, Stop
from renkei.failpoint import failpoint

LEAST_WITNESSES = 2
_LEAVES_A_BLOCK = 16384

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('renkei.audit.seal', 0))")

# An event is taken only when every transaction that could still commit beside it has ended: a late
# commit is sealed late, never skipped. The leaf is sha256(0x00 || entry); an entry is event id,
# microseconds since 1970, salt in hex and body, with a line break between them.
_SEAL = text("""
    INSERT INTO audit_seal (seq, event_id, leaf)
    SELECT
        :size + row_number() OVER (ORDER BY e.xid, e.event_id),
        e.event_id,
        sha256(decode('00', 'hex') || convert_to(concat_ws(
            chr(10), e.event_id, CAST(extract(epoch FROM e.occurred_at) * 1000000 AS bigint),
            encode(e.salt, 'hex'), e.body
        ), 'UTF8'))
    FROM audit_event e
    WHERE e.xid < pg_snapshot_xmin(pg_current_snapshot())
      AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.event_id)
""")
_LEAVES = text("""
    SELECT min(seq), max(seq), string_agg(leaf, CAST('' AS bytea) ORDER BY seq)
    FROM audit_seal
    GROUP BY (seq - 1) / :block
    ORDER BY (seq - 1) / :block
""")
_LAST = text("SELECT size, root, note, signed_at FROM audit_checkpoint ORDER BY size DESC LIMIT 1")
_NOTES = text("SELECT size, note FROM audit_checkpoint WHERE size >= :size ORDER BY size")
_KEEP = text("""
    INSERT INTO audit_checkpoint (size, root, note, signed_at)
    VALUES (:size, :root, :note, :signed_at)
""")
_BACKLOG = text("""
    SELECT count(*), min(e.occurred_at)
    FROM audit_event e
    WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.event_id)
""")


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Events that wait for the next seal, and how long the oldest has waited."""

    events: int
    oldest: datetime | None


def seal(engine: Engine, keys: Keys, witnesses: Sequence[Path]) -> Checkpoint | None:
    """Seal every committed event, sign the tree and copy the checkpoint; None when nothing was new.

    Copies that an earlier crash left out are made first. ``E_AUDIT_WITNESS``: a copy cannot be written,
    so nothing new is signed. ``E_AUDIT_BROKEN``: what is sealed no longer has the root that was signed,
    or a witness holds a checkpoint that the database does not; a damaged log is never signed over.
    """
    if len(set(witnesses)) < LEAST_WITNESSES:
        raise FixDeclaration("E_AUDIT_WITNESSES", needed=LEAST_WITNESSES, found=len(set(witnesses)))
    copy(engine, witnesses)
    with _alone(engine) as connection:
        checkpoint = _seal_new(connection, keys)
    if checkpoint is not None:
        failpoint("seal.signed")
        copy(engine, witnesses)
    return checkpoint


def copy(engine: Engine, witnesses: Sequence[Path]) -> int:
    """Bring every witness up to the newest checkpoint and return how many lines were written."""
    copied = 0
    with _alone(engine) as connection:
        for path in witnesses:
            missing = witness.append_missing(path, lambda size: _notes(connection, size))
            copied += missing
            if missing:
                failpoint("seal.copied")
    return copied


def backlog(connection: Connection) -> Backlog:
    """What is not sealed yet; an old backlog means that sealing has stopped."""
    events, oldest = connection.execute(_BACKLOG).one()
    return Backlog(events=events, oldest=oldest)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    # the lock is a statement of its own, so that the next one sees what its last holder committed
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        connection.execute(_LOCK)
        yield connection


def _seal_new(connection: Connection, keys: Keys) -> Checkpoint | None:
    last = _last(connection, keys)
    size = last.size if last else 0
    if not connection.execute(_SEAL, {"size": size}).rowcount:
        return None
    failpoint("seal.leaves")
    tree = _grown(connection, last)
    signed_at = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    checkpoint = sign(keys, size=tree.size, root=tree.root(), signed_at=signed_at)
    connection.execute(_KEEP, vars(checkpoint))
    return checkpoint


def _last(connection: Connection, keys: Keys) -> Checkpoint | None:
    row = connection.execute(_LAST).one_or_none()
    if row is None:
        return None
    last = Checkpoint(size=row.size, root=bytes(row.root), note=row.note, signed_at=row.signed_at)
    if not verify(keys, last):
        raise Stop("E_AUDIT_BROKEN", size=last.size, place="audit_checkpoint")
    return last


def _grown(connection: Connection, last: Checkpoint | None) -> merkle.Tree:
    """The tree over every leaf, having proved on the way that the last signed root still holds."""
    tree, signed = merkle.Tree(), last.size if last else 0
    with closing(_leaves(connection, signed)) as leaves:
        for leaf in leaves:
            tree.append(leaf)
            if last and tree.size == signed and tree.root() != last.root:
                raise Stop("E_AUDIT_BROKEN", size=signed, place="audit_seal")
    return tree


def _leaves(connection: Connection, signed: int) -> Generator[bytes, None, None]:
    streamed = {"stream_results": True, "max_row_buffer": 8}
    expected = 1
    with connection.execute(_LEAVES, {"block": _LEAVES_A_BLOCK}, execution_options=streamed) as blocks:
        for first, last, joined in blocks:
            if first != expected or len(joined) != (last - first + 1) * merkle.HASH_BYTES:
                raise Stop("E_AUDIT_BROKEN", size=signed, place="audit_seal")
            for at in range(0, len(joined), merkle.HASH_BYTES):
                yield bytes(joined[at : at + merkle.HASH_BYTES])
            expected = last + 1


def _notes(connection: Connection, size: int) -> list[tuple[int, str]]:
    return [(row.size, row.note) for row in connection.execute(_NOTES, {"size": size})]

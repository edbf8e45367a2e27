"""The schema ``vault``: entered only under one of its roles, and left again within the same transaction.

``vault_writer`` may add numbers and read none; ``vault_reader`` may read and change nothing; ``vault_keeper``
wraps data keys anew and forgets. Where the roles are not there, the vault is not (``E_VAULT_SETUP``).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.errors import Stop
from renkei.vault import envelope
from renkei.vault.envelope import DataKey, Kek, Sealed

Role = Literal["vault_writer", "vault_reader", "vault_keeper"]

#: Numbers encrypted at a time; what stands in memory beside the delivery.
_BLOCK = 100_000

_CLAIM = """
    INSERT INTO token_key (key_id, known_from)
    SELECT :key_id, :now
    WHERE NOT EXISTS (SELECT FROM token_key)
    ON CONFLICT DO NOTHING
"""
_STAGE = """
    CREATE TEMP TABLE sealed_number (token text, ciphertext bytea, nonce bytea, source_key text)
    ON COMMIT DROP
"""
_INSERT = """
    INSERT INTO vault.individual_number
        (token, ciphertext, nonce, key_id, feed, source_key, known_from, unit_id)
    SELECT DISTINCT ON (token) token, ciphertext, nonce, :key_id, :feed, source_key, :now, :unit_id
    FROM sealed_number
    ORDER BY token, source_key
    ON CONFLICT DO NOTHING
"""
_KEYS = "SELECT key_id, year, wrapped, nonce, kek_id, made_at, wrapped_at FROM vault.data_key ORDER BY year"
_NEW_KEY = """
    INSERT INTO vault.data_key (key_id, year, wrapped, nonce, kek_id, made_at, wrapped_at)
    VALUES (:key_id, :year, :wrapped, :nonce, :kek_id, :now, :now)
    ON CONFLICT DO NOTHING
"""
_REWRAP = """
    UPDATE vault.data_key
    SET wrapped = :wrapped, nonce = :nonce, kek_id = :kek_id, wrapped_at = :now
    WHERE key_id = :key_id
"""
_HELD = """
    SELECT token, ciphertext, nonce, key_id, feed, known_from
    FROM vault.individual_number
    WHERE token = ANY(:tokens) AND known_to IS NULL
    ORDER BY known_from, token
"""
_COUNTS = """
    SELECT key_id, count(*) FILTER (WHERE known_to IS NULL) AS held,
        count(*) FILTER (WHERE known_to IS NOT NULL) AS gone
    FROM vault.individual_number
    GROUP BY key_id
"""
_TOKENS = "SELECT token FROM vault.individual_number WHERE known_to IS NULL ORDER BY token"
_FORGET = """
    UPDATE vault.individual_number
    SET ciphertext = NULL, nonce = NULL, known_to = greatest(:now, known_from)
    WHERE known_to IS NULL AND token = ANY(:tokens)
"""
_IS_THERE = """
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'vault') AND 3 = (
        SELECT count(*)
        FROM pg_roles
        WHERE rolname IN ('vault_writer', 'vault_reader', 'vault_keeper')
          AND pg_has_role(current_user, oid, 'MEMBER'))
"""


@dataclass(frozen=True, kw_only=True)
class KeptKey:
    """A data key as it is stored: wrapped."""

    key_id: str
    year: int
    kek_id: str
    made_at: datetime
    wrapped_at: datetime
    sealed: Sealed


@dataclass(frozen=True, kw_only=True)
class Held:
    """One number of the vault, still closed."""

    token: str
    key_id: str
    feed: str
    known_from: datetime
    sealed: Sealed


def claim_token_key(connection: sa.Connection, key_id: str, *, now: datetime) -> None:
    """The first unit with tokens says whose they are; a unit under another key is ``E_TOKEN_KEY``."""
    if key_id:
        connection.execute(sa.text(_CLAIM), {"key_id": key_id, "now": now})
    known = token_key_id(connection)
    if not key_id or known != key_id:
        raise Stop("E_TOKEN_KEY", key=key_id or "-", known=known or "-")


def token_key_id(connection: sa.Connection) -> str | None:
    """The key under which this registry's tokens were made; None while there are none."""
    return connection.execute(sa.text("SELECT key_id FROM token_key")).scalar()


def is_there(connection: sa.Connection) -> bool:
    """True when the schema and its roles are set up."""
    return bool(connection.execute(sa.text(_IS_THERE)).scalar())


def keep(
    connection: sa.Connection, numbers: pa.Table, *, folder: Path, feed: str, unit_id: int, now: datetime
) -> None:
    """Encrypt what is new of ``source_key, token, number``; a number that is held already changes nothing."""
    if not is_there(connection):
        raise Stop("E_VAULT_SETUP")
    with _as_role(connection, "vault_writer"):
        key = _key_of_year(connection, folder, now=now)
    connection.exec_driver_sql(_STAGE)
    for start in range(0, numbers.num_rows, _BLOCK):
        copy_in(connection, "sealed_number", _sealed(numbers.slice(start, _BLOCK), key))
    connection.exec_driver_sql("GRANT SELECT ON sealed_number TO vault_writer")
    with _as_role(connection, "vault_writer"):
        told = {"key_id": key.key_id, "feed": feed, "now": now, "unit_id": unit_id}
        connection.execute(sa.text(_INSERT), told)
    connection.exec_driver_sql("DROP TABLE sealed_number")


def _sealed(numbers: pa.Table, key: DataKey) -> pa.Table:
    tokens = numbers.column("token").to_pylist()
    sealed = envelope.seal(key, numbers.column("number").to_pylist(), tokens)
    return pa.table(
        {
            "token": pa.array(tokens, pa.string()),
            "ciphertext": pa.array([rf"\x{each.ciphertext.hex()}" for each in sealed], pa.string()),
            "nonce": pa.array([rf"\x{each.nonce.hex()}" for each in sealed], pa.string()),
            "source_key": numbers.column("source_key"),
        }
    )


def held(connection: sa.Connection, tokens: Iterable[str]) -> list[Held]:
    """The numbers of these tokens, closed, the first known first."""
    with _as_role(connection, "vault_reader"):
        rows = connection.execute(sa.text(_HELD), {"tokens": sorted(set(tokens))}).all()
    return [
        Held(
            token=row.token, key_id=row.key_id, feed=row.feed, known_from=row.known_from,
            sealed=Sealed(nonce=row.nonce, ciphertext=row.ciphertext),
        )
        for row in rows
    ]  # fmt: skip


def opened(numbers: Sequence[Held], keys: Sequence[KeptKey], *, folder: Path) -> list[str]:
    """The numbers themselves. Nothing is opened before the act is on record: the caller has committed it."""
    by_id = {key.key_id: key for key in keys}
    made: dict[str, DataKey] = {}
    for each in numbers:
        if each.key_id not in made:
            made[each.key_id] = _unwrapped(by_id[each.key_id], folder)
    return [envelope.open_number(made[each.key_id], each.sealed, token=each.token) for each in numbers]


def keys(connection: sa.Connection) -> list[KeptKey]:
    """Every data key, wrapped, oldest year first."""
    with _as_role(connection, "vault_reader"):
        return _keys(connection)


def lock(connection: sa.Connection) -> None:
    """One at a time makes or wraps keys, until the transaction ends."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('renkei.vault'))")


def rewrap(connection: sa.Connection, *, folder: Path, into: Kek, now: datetime) -> int:
    """Wrap every data key anew with ``into``, which is on disk already; how many there were."""
    with _as_role(connection, "vault_keeper"):
        lock(connection)
        kept = _keys(connection)
        for key in kept:
            sealed = into.wrap(_unwrapped(key, folder))
            told = {"key_id": key.key_id, "kek_id": into.kek_id, "now": now}
            connection.execute(
                sa.text(_REWRAP), {**told, "wrapped": sealed.ciphertext, "nonce": sealed.nonce}
            )
    return len(kept)


def counts(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """Data key → how many numbers it encrypts, and how many that it encrypted are forgotten."""
    with _as_role(connection, "vault_reader"):
        return {row.key_id: (row.held, row.gone) for row in connection.execute(sa.text(_COUNTS))}


def held_tokens(connection: sa.Connection) -> list[str]:
    """Tokens of every number that is held."""
    with _as_role(connection, "vault_keeper"):
        return list(connection.execute(sa.text(_TOKENS)).scalars())


def forget(connection: sa.Connection, tokens: Sequence[str], *, now: datetime) -> int:
    """Throw the numbers of these tokens away; that there were numbers, and until when, is still told."""
    with _as_role(connection, "vault_keeper"):
        return connection.execute(sa.text(_FORGET), {"tokens": list(tokens), "now": now}).rowcount


def _key_of_year(connection: sa.Connection, folder: Path, *, now: datetime) -> DataKey:
    """This year's data key, made when the year's first number comes; under the role of the writer."""
    lock(connection)
    kept = _keys(connection)
    for key in kept:
        if key.year == now.year:
            return _unwrapped(key, folder)
    kek = _present_kek(kept, folder)
    made = envelope.new_data_key(now.year)
    sealed = kek.wrap(made)
    told = {"key_id": made.key_id, "year": made.year, "kek_id": kek.kek_id, "now": now}
    connection.execute(sa.text(_NEW_KEY), {**told, "wrapped": sealed.ciphertext, "nonce": sealed.nonce})
    return made


def _present_kek(kept: Sequence[KeptKey], folder: Path) -> Kek:
    """The KEK in use, else the newest of the folder, else a new one: what rows name is never made anew."""
    if kept:
        return envelope.load_kek(folder, max(kept, key=lambda key: key.wrapped_at).kek_id)
    known = envelope.kek_ids(folder)
    return envelope.load_kek(folder, known[0]) if known else envelope.new_kek(folder)


def _unwrapped(key: KeptKey, folder: Path) -> DataKey:
    return envelope.load_kek(folder, key.kek_id).unwrap(key.sealed, key_id=key.key_id, year=key.year)


def _keys(connection: sa.Connection) -> list[KeptKey]:
    return [_kept(row) for row in connection.execute(sa.text(_KEYS)).mappings()]


def _kept(row: sa.RowMapping) -> KeptKey:
    sealed = Sealed(nonce=row["nonce"], ciphertext=row["wrapped"])
    names = ("key_id", "year", "kek_id", "made_at", "wrapped_at")
    return KeptKey(sealed=sealed, **{name: row[name] for name in names})


@contextmanager
def _as_role(connection: sa.Connection, role: Role) -> Iterator[None]:
    """The block has this role's rights and no others; a failed transaction takes it back itself."""
    connection.exec_driver_sql(f"SET LOCAL ROLE {role}")
    yield
    connection.exec_driver_sql("RESET ROLE")

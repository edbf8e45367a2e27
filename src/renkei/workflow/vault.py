"""show, status, rotate, forget: the vault for individual numbers (個人番号), and what a unit puts there.

A number leaves the vault in one way only: for one resident, for a declared task, with a reason, by a person
whose act is on record before the number is opened.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow.compute as pc
import sqlalchemy as sa

from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import FixDeclaration, Stop
from renkei.language import say
from renkei.lineage import guard
from renkei.model import Mapped
from renkei.project import Project, nearest
from renkei.registry import store as registry
from renkei.registry import strong_ids
from renkei.registry.difference import Difference
from renkei.registry.strong_ids import Equality
from renkei.vault import envelope, keyring, store, tokens
from renkei.vault.policy import Purpose
from renkei.vault.store import KeptKey
from renkei.vault.typed import refuse_number
from renkei.workflow.in_force import in_force


def keep_numbers(
    connection: sa.Connection, project: Project, mapped: Mapped, difference: Difference, *, unit_id: int,
    now: datetime,
) -> None:  # fmt: skip
    """In the unit's transaction: whose tokens these are, and the numbers of what changed into the vault."""
    if mapped.token_key is None:
        return
    store.claim_token_key(connection, mapped.token_key, now=now)
    if mapped.numbers is None:
        return
    changed = pc.is_in(mapped.numbers.column("source_key"), value_set=difference.changed.column("source_key"))
    numbers = mapped.numbers.filter(changed)
    if numbers.num_rows:
        feed, folder = mapped.feed, project.keys
        store.keep(connection, numbers, folder=folder, feed=feed, unit_id=unit_id, now=now)


def doubts_of(mapped: Mapped) -> Iterator[str]:
    """What was taken in although it may be wrong: the field and how many, never a value."""
    for name, count in sorted(mapped.doubts.items()):
        yield say(
            f"{name}：{count} 件の検査数字または桁数が合いません（取り込みは続けました）",
            f"{name}: {count} numbers have a check digit or a length that does not fit; they were taken in",
        )


# show --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A resident's numbers, opened: more than one where records contradict each other."""

    resident_id: int
    purpose: Purpose
    numbers: tuple["Number", ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number, the feed that brought it first, and when."""

    number: str = field(repr=False)
    feed: str
    known_from: datetime


def show(
    project: Project, resident: int, *, purpose: str | None, reason: str | None, actor: str
) -> Shown | None:
    """Open a resident's numbers for a declared task. The event is committed before anything is opened.

    None when there is no such resident or the person is restricted: nothing tells these apart, and both are
    on record.
    """
    with _open(project) as (ruling, engine):
        stated = _stated(ruling, purpose, reason)
        with engine.begin() as connection:
            _vault_is_there(connection)
            is_shown = guard.of_resident(connection, resident)
            known = strong_ids.numbers_of(connection, resident) if is_shown else []
            held, keys = store.held(connection, known), store.keys(connection)
            detail = {
                "purpose": stated.code, "task": stated.task, "article": stated.article,
                "reason": (reason or "").strip(), "numbers": len(held),
            }  # fmt: skip
            action = "individual_number.shown" if is_shown else "individual_number.refused"
            events.record(
                connection, action=action, actor=actor, object=f"resident:{resident}", detail=detail
            )
        if not is_shown:
            return None
        opened = store.opened(held, keys, folder=ruling.keys)
    made = zip(held, opened, strict=True)
    return Shown(
        resident_id=resident,
        purpose=stated,
        numbers=tuple(Number(number=text, feed=each.feed, known_from=each.known_from) for each, text in made),
    )


def _stated(ruling: Project, purpose: str | None, reason: str | None) -> Purpose:
    policy = ruling.config.vault
    if not policy.is_on:
        raise FixDeclaration("E_VAULT_OFF", places="renkei.toml")
    if not (purpose or "").strip() or not (reason or "").strip():
        raise FixDeclaration("E_PURPOSE")
    refuse_number(reason)
    stated = policy.purpose(str(purpose).strip())
    if stated is None:
        codes = [each.code for each in policy.purposes]
        raise FixDeclaration("E_VAULT_PURPOSE", nearest=nearest(str(purpose), codes), codes=", ".join(codes))
    return stated


# status ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class KeyStatus:
    """A year's data key, how many numbers it encrypts, and whether the file that opens it is there."""

    key: KeptKey
    numbers: int
    is_openable: bool


@dataclass(frozen=True, kw_only=True)
class Status:
    """The vault without any number. ``token_key`` made the registry's tokens, ``token_file`` is the one in
    the folder; ``spare_keks`` are files that nothing in the registry needs; ``overdue`` numbers may be
    forgotten.
    """

    is_on: bool
    is_there: bool
    legal_basis: str
    retention_years: int
    purposes: tuple[Purpose, ...]
    token_key: str | None
    token_file: str | None
    keys: tuple[KeyStatus, ...]
    spare_keks: tuple[str, ...]
    held: int
    forgotten: int
    overdue: int
    equality: tuple[Equality, ...]

    @property
    def is_well(self) -> bool:
        """True when tokens can go on being made and every number can be opened."""
        can_go_on = self.token_key is None or self.token_key == self.token_file
        return can_go_on and (self.is_there or not self.is_on) and all(each.is_openable for each in self.keys)


def status(project: Project, *, clock: Clock | None = None) -> Status:
    """Counts, keys and ages; how often one number is said of several residents. Reads no number."""
    now = (clock or SystemClock()).now()
    with _open(project) as (ruling, engine), engine.connect() as connection:
        policy, is_there = ruling.config.vault, store.is_there(connection)
        kept = store.keys(connection) if is_there else []
        counts = store.counts(connection) if is_there else {}
        used = {key.kek_id for key in kept}
        return Status(
            is_on=policy.is_on,
            is_there=is_there,
            legal_basis=policy.legal_basis,
            retention_years=policy.retention_years,
            purposes=policy.purposes,
            token_key=store.token_key_id(connection),
            token_file=_token_file(ruling),
            keys=tuple(
                KeyStatus(key=key, numbers=counts.get(key.key_id, (0, 0))[0], is_openable=_opens(ruling, key))
                for key in kept
            ),
            spare_keks=tuple(kek for kek in envelope.kek_ids(ruling.keys) if kek not in used),
            held=sum(held for held, _ in counts.values()),
            forgotten=sum(gone for _, gone in counts.values()),
            overdue=len(_overdue(connection, ruling, now=now)) if is_there and policy.is_on else 0,
            equality=strong_ids.equality(connection),
        )


def _token_file(ruling: Project) -> str | None:
    """The id of the key in the folder; None where there is none that may be used. Makes no key."""
    try:
        return keyring.id_of(keyring.load(ruling.keys, tokens.NAME))
    except Stop:
        return None


def _opens(ruling: Project, key: KeptKey) -> bool:
    try:
        envelope.load_kek(ruling.keys, key.kek_id).unwrap(key.sealed, key_id=key.key_id, year=key.year)
    except Stop:
        return False
    return True


# rotate and forget -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """A new key-encrypting key, how many data keys it wraps, and the files that are no longer needed."""

    kek_id: str
    data_keys: int
    spare_keks: tuple[str, ...]


def rotate(project: Project, *, actor: str, clock: Clock | None = None) -> Rotated:
    """Wrap every data key with a new key; no number is touched. The old file stays until a person removes it.

    The new file is on disk before anything is wrapped with it, so a crash leaves at most one file too many.
    """
    now = (clock or SystemClock()).now()
    with _open(project) as (ruling, engine):
        with engine.connect() as connection:
            _vault_is_there(connection)
        with engine.begin() as connection:
            store.lock(connection)  # of two at once the second finds the first one's key in use, not to spare
            kek = envelope.new_kek(ruling.keys)
            done = store.rewrap(connection, folder=ruling.keys, into=kek, now=now)
            detail: Mapping[str, object] = {"kek": kek.kek_id, "data_keys": done}
            events.record(connection, action="vault.rotated", actor=actor, object="vault", detail=detail)
            spare = tuple(each for each in envelope.kek_ids(ruling.keys) if each != kek.kek_id)
    return Rotated(kek_id=kek.kek_id, data_keys=done, spare_keks=spare)


def forget(project: Project, *, reason: str | None, actor: str, clock: Clock | None = None) -> int:
    """Throw away the numbers that no record has carried for as long as the city keeps them; how many."""
    now = (clock or SystemClock()).now()
    if not (reason or "").strip():
        raise FixDeclaration("E_PURPOSE")
    refuse_number(reason)
    with _open(project) as (ruling, engine), engine.begin() as connection:
        if not ruling.config.vault.is_on:  # without a retention nothing is overdue, and none would be told
            raise FixDeclaration("E_VAULT_OFF", places="renkei.toml")
        _vault_is_there(connection)
        done = store.forget(connection, _overdue(connection, ruling, now=now), now=now)
        detail = {
            "reason": str(reason).strip(),
            "numbers": done,
            "years": ruling.config.vault.retention_years,
        }
        events.record(
            connection, action="individual_number.forgotten", actor=actor, object="vault", detail=detail
        )
    return done


def _overdue(connection: sa.Connection, ruling: Project, *, now: datetime) -> list[str]:
    """Tokens of held numbers that no record has carried since before the retention began."""
    years = ruling.config.vault.retention_years
    if not years:
        return []
    held = store.held_tokens(connection)
    return strong_ids.not_carried_for(connection, held, years=years, now=now)


def _vault_is_there(connection: sa.Connection) -> None:
    if not store.is_there(connection):
        raise Stop("E_VAULT_SETUP")


@contextmanager
def _open(project: Project) -> Iterator[tuple[Project, sa.Engine]]:
    """What is in force, and the registry: who may see a number is never said by a draft."""
    engine = registry.connect(registry.url_of(project.var))
    try:
        yield in_force(project, engine=engine, founds=False), engine
    finally:
        engine.dispose()

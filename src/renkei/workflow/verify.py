"""verify: does the registry, the source or a target still hold what a feed brought, and where not."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from renkei import mapping as mappings
from renkei import snapshot
from renkei.audit import events
from renkei.engine.workbench import workbench
from renkei.errors import FixDeclaration, RenkeiError, Stop, TryAgain
from renkei.landing import Landing
from renkei.lineage import guard
from renkei.model import Checkpoint, Delivery, Feed, Mapped
from renkei.project import Project
from renkei.records import PERSON_KEYS, RECORD_TYPES, TOKENS
from renkei.registry import buckets, control, store
from renkei.snapshot import Snapshot
from renkei.verify import Outcome, Side, Verified, Whom, beside, counted, of_state, with_hash
from renkei.verify.result import Kept
from renkei.workflow.in_force import in_force
from renkei.workflow.unit import is_whole

if TYPE_CHECKING:
    import duckdb

#: What a feed's state is laid beside: the hub's own tables, the feed's source, or what another feed reads.
Against = Literal["registry", "source", "target"]


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """What is verified: the feed's state, proved, and how far it is merged."""

    project: Project
    engine: sa.Engine
    mapping: mappings.Mapping
    cursor: control.Cursor
    unit_id: int
    state: Snapshot
    held: buckets.Buckets
    kept: Kept
    scratch: Path

    @property
    def feed(self) -> Feed:
        """The feed."""
        return self.mapping.feed


def verify(
    project: Project,
    feed_id: str,
    *,
    actor: str,
    against: Against = "registry",
    target: str | None = None,
    limit: int = 100,
    values: bool = False,
) -> Verified:
    """Compare a feed's present state with a target by buckets, then by values where a bucket differs.

    ``target`` is a feed that reads what was written elsewhere. Nothing but the audit event is written.
    TryAgain E_VERIFY_NO_STATE before the first load, E_VERIFY_MOVED where a load ended meanwhile;
    FixDeclaration E_VERIFY_TARGET, E_VERIFY_SOURCE where there is nothing to lay beside it; Stop
    E_OBJECT_DAMAGED where the state's own file is not whole. Differences are an answer, no error.
    """
    with _ground(project, feed_id) as ground:
        if against == "registry":
            found = _beside_registry(ground, limit=limit, values=values)
        else:
            found = _beside_source(ground, _feed_beside(ground, against, target), limit=limit, values=values)
        made = replace(found, against=against, target=target)
        with ground.engine.begin() as connection:
            events.record(
                connection, action="feed.verified", actor=actor, object=f"feed:{feed_id}",
                detail={**made.summary(), "snapshot": ground.cursor.snapshot},
            )  # fmt: skip
    return made


def verify_every(project: Project, *, actor: str) -> dict[str, int]:
    """Every feed that has a state, against the registry: how many agree, and how many are for another time.

    Stop E_VERIFY_DIFFERS names the feeds that do not agree or whose state is not whole, once all were looked
    at.
    """
    engine = store.connect(store.url_of(project.var))
    try:
        with engine.connect() as connection:
            feeds = sorted(control.cursors(connection))
    finally:
        engine.dispose()
    agree, later, odd = 0, 0, []
    for feed in feeds:
        try:
            agrees = verify(project, feed, actor=actor, limit=0).agrees
        except TryAgain:
            later += 1
            continue
        except RenkeiError:
            agrees = False
        agree += agrees
        odd += [] if agrees else [feed]
    if odd:
        raise Stop("E_VERIFY_DIFFERS", feeds=", ".join(odd))
    return {"feeds": len(feeds), "agree": agree, "later": later}


@contextmanager
def _ground(project: Project, feed_id: str) -> Iterator[_Ground]:
    engine = store.connect(store.url_of(project.var))
    try:
        ruling = in_force(project, engine=engine, founds=False)
        mapping = ruling.mapping(feed_id)
        with engine.connect() as connection, _one_moment(connection):
            cursor, kept = control.cursor_of(connection, feed_id), buckets.kept(connection, feed_id)
            unit_id = connection.execute(sa.text(_UNIT), {"feed": feed_id}).scalar()
        if cursor is None or unit_id is None:
            raise TryAgain("E_VERIFY_NO_STATE", feed=feed_id)
        state = snapshot.proved(Landing(project.var / "landing"), cursor.snapshot)
        held = buckets.of_state(state)
        with tempfile.TemporaryDirectory(prefix="renkei-verify-") as folder:
            yield _Ground(
                project=ruling, engine=engine, mapping=mapping, cursor=cursor, unit_id=unit_id, state=state,
                held=held, kept=_kept(kept, held), scratch=Path(folder),
            )  # fmt: skip
    finally:
        engine.dispose()


_UNIT = "SELECT unit_id FROM cursor WHERE feed = :feed"


def _kept(kept: buckets.Buckets | None, held: buckets.Buckets) -> Kept:
    if kept is None:
        return "none"
    return "differs" if buckets.differing(kept, held) else "same"


@contextmanager
def _one_moment(connection: sa.Connection) -> Iterator[None]:
    """All that is asked inside is answered from one state of the registry, and nothing can be written."""
    with connection.begin():
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


# the registry ------------------------------------------------------------------------------------


def _beside_registry(ground: _Ground, *, limit: int, values: bool) -> Verified:
    """In one snapshot of the database, so that a load that ends meanwhile does not look like damage."""
    kind = RECORD_TYPES[ground.feed.record]
    names = [*(name for name in kind.content if name != "source_key"), "content_hash"]
    with workbench(temp=ground.scratch) as bench, ground.engine.connect() as connection:
        with _one_moment(connection):
            _expect_same(ground, connection)
            state = of_state(bench, ground.state, names, held=ground.held)

            def rows(numbers: Sequence[int]) -> pa.Table:
                return buckets.rows_in_registry(connection, kind, feed=ground.feed.id, buckets=numbers)

            there = Side(buckets=buckets.in_registry(connection, kind, feed=ground.feed.id), rows=rows)
            found = beside(
                state, there, names, whom=_whom(ground, connection), limit=limit, scratch=ground.scratch,
                values=values,
            )  # fmt: skip
        return _verified(ground, found, state=state, there=there)


def _expect_same(ground: _Ground, connection: sa.Connection) -> None:
    now = control.cursor_of(connection, ground.feed.id)
    if now is None or now.snapshot != ground.cursor.snapshot:
        raise TryAgain("E_VERIFY_MOVED", feed=ground.feed.id)


# a source that is read again ---------------------------------------------------------------------


def _feed_beside(ground: _Ground, against: Against, target: str | None) -> mappings.Mapping:
    """The mapping of the feed that is read: the feed itself, or the one that reads its target."""
    if against == "source":
        return ground.mapping
    if target is None or target == ground.feed.id:
        raise FixDeclaration("E_VERIFY_TARGET", feed=ground.feed.id, target=target or "-")
    other = ground.project.mapping(target)
    if other.feed.record != ground.feed.record:
        raise FixDeclaration("E_VERIFY_TARGET", feed=ground.feed.id, target=target)
    return other


def _beside_source(ground: _Ground, other: mappings.Mapping, *, limit: int, values: bool) -> Verified:
    """What a source holds now, mapped now for the state's day, and laid beside the state."""
    mapped = _mapped_now(ground, other)
    names = _compared(ground.mapping, other)
    with workbench(temp=ground.scratch) as bench:
        aside = _set_aside(ground, other, mapped)
        bench.register("aside", pa.table({"source_key": aside}))
        bench.register("mapped", mapped.records)
        state = _of_these(bench, "held", f"({ground.state.rows()})", names, there=ground.state.names)
        there = _of_these(bench, "read", "mapped", names, there=mapped.records.column_names)
        with ground.engine.connect() as connection:
            # a load that ended while the source was read would look like differences
            _expect_same(ground, connection)
            found = beside(
                state, there, names, whom=_whom(ground, connection), limit=limit, scratch=ground.scratch,
                values=values,
            )  # fmt: skip
        return _verified(ground, found, state=state, there=there, set_aside=len(aside))


def _of_these(
    bench: "duckdb.DuckDBPyConnection",
    view: str,
    relation: str,
    names: Sequence[str],
    *,
    there: Sequence[str],
) -> Side:
    kept = f"(SELECT * FROM {relation} ANTI JOIN aside USING (source_key))"
    return counted(bench, with_hash(bench, view, kept, names, there=there), names)


def _compared(mapping: mappings.Mapping, other: mappings.Mapping) -> list[str]:
    """Columns that both say. A day that stands in for one that the source does not tell is not compared."""
    content = RECORD_TYPES[mapping.feed.record].content
    mine = {rule.to for rule in mapping.every_field}
    if mapping is other:
        unsaid = {"valid_from"} - mine
        return [name for name in content if name not in {"source_key", *unsaid}]
    both = mine & {rule.to for rule in other.every_field}
    return [name for name in content if name in both and name != "source_key"]


def _set_aside(ground: _Ground, other: mappings.Mapping, mapped: Mapped) -> pa.Array:
    """Keys of records that the hub does not judge: refused now, or set aside and open."""
    with ground.engine.connect() as connection:
        asked = {"feeds": sorted({ground.feed.id, other.feed.id})}
        open_ = connection.execute(sa.text(_ASIDE), asked).scalars().all()
    refused = mapped.rejects["source_key"].combine_chunks().drop_null()
    return pc.unique(pa.concat_arrays([pa.array(open_, pa.string()), refused.cast(pa.string())]))


_ASIDE = """
    SELECT DISTINCT source_key FROM reject WHERE feed = ANY(:feeds) AND state = 'open' AND source_key <> ''
"""


def _mapped_now(ground: _Ground, other: mappings.Mapping) -> Mapped:
    delivery = _whole_delivery(ground, other.feed)
    as_of = delivery.as_of or ground.cursor.as_of
    batch = mappings.read(delivery.path, other, day=as_of)
    return mappings.apply(other, batch, as_of=batch.control.as_of or as_of)


def _whole_delivery(ground: _Ground, feed: Feed) -> Delivery:
    """The newest whole delivery that the source gives now, fetched into a folder of its own."""
    connector = ground.project.connector(feed, workdir=ground.scratch / "pulled")
    if getattr(connector, "advances", False):
        raise FixDeclaration("E_VERIFY_SOURCE", feed=feed.id, connector=feed.connector)
    whole: Delivery | None = None
    for delivery in connector.pull(feed, _again(ground, feed)):
        if is_whole(delivery, feed):
            whole = delivery
    if whole is None:
        raise FixDeclaration("E_VERIFY_SOURCE", feed=feed.id, connector=feed.connector)
    return whole


def _again(ground: _Ground, feed: Feed) -> Checkpoint:
    """A place from which a source tells all again: of files, everything but the one that was merged last."""
    if feed.format["kind"] == "arrow":
        return Checkpoint(feed=feed.id, position={"seen": {}})
    seen = dict(control.checkpoint(ground.engine, feed.id).position["seen"])
    with ground.engine.connect() as connection:
        last = connection.execute(sa.text(_LAST), {"feed": feed.id}).one_or_none()
    for name in (last.name, *(last.seen or {})) if last else ():
        seen.pop(name, None)
    return Checkpoint(feed=feed.id, position={"seen": seen})


_LAST = """
    SELECT d.name, d.seen
    FROM cursor AS c
    JOIN unit AS u USING (unit_id)
    JOIN delivery AS d USING (delivery_id)
    WHERE c.feed = :feed
"""


# both --------------------------------------------------------------------------------------------


def _whom(ground: _Ground, connection: sa.Connection) -> Whom:
    """Whose records may be named: of residents who are known and whom nobody restricts."""
    is_person = ground.feed.record == "person"
    columns = ("source_key",) if is_person else PERSON_KEYS

    def whom(rows: pa.Table) -> pa.Array:
        return records_nameable(connection, rows, feed=ground.feed.id, columns=columns)

    return whom


def records_nameable(
    connection: sa.Connection, rows: pa.Table, *, feed: str, columns: Sequence[str]
) -> pa.Array:
    """Source keys of which every row is about known persons only, none of whom is restricted."""
    there = [name for name in columns if name in rows.column_names]
    if not there:
        return pa.array([], pa.string())
    people = pa.concat_arrays([pc.drop_null(rows[name].combine_chunks()) for name in there])
    free = guard.nameable(
        connection, feed=feed, is_person="source_key" in there, keys=pc.unique(people).to_pylist()
    )
    known = pa.array(sorted(free), pa.string())
    shown, said = pa.scalar(value=True), pa.scalar(value=False)
    for name in there:
        is_there = pc.is_valid(rows[name])
        shown = pc.and_(shown, pc.or_(pc.invert(is_there), pc.is_in(rows[name], value_set=known)))
        said = pc.or_(said, is_there)
    shown = pc.and_(shown, said)
    hidden = pc.unique(rows["source_key"].filter(pc.invert(shown)))
    free_keys = pc.unique(rows["source_key"].filter(shown))
    return free_keys.filter(pc.invert(pc.is_in(free_keys, value_set=hidden)))


def _verified(ground: _Ground, found: Outcome, *, state: Side, there: Side, set_aside: int = 0) -> Verified:
    findings = tuple(
        replace(each, held=None, found=None) if each.field in TOKENS else each for each in found.findings
    )
    return Verified(
        feed=ground.feed.id, against="registry", target=None, as_of=ground.cursor.as_of,
        unit_id=ground.unit_id, records=state.records, records_found=there.records, buckets=buckets.BUCKETS,
        apart=found.apart, kept=ground.kept, altered=found.altered, missing=found.missing,
        surplus=found.surplus, set_aside=set_aside, hidden=found.hidden, fields=found.fields,
        findings=findings,
    )  # fmt: skip

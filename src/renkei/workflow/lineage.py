"""how, explain, export: where values come from, what a mapping makes of a record. Nothing is written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from renkei.errors import FixDeclaration
from renkei.landing import Landing
from renkei.language import say
from renkei.lineage import guard
from renkei.lineage.declared import Declared
from renkei.lineage.landed import Landed, Spot
from renkei.lineage.openlineage import City, RunFacts, events_of
from renkei.lineage.show import classes_of, draft_classes, highest, rule_for, veiled
from renkei.lineage.trace import Golden, Origin, Traced, golden_of, origins_of, trace
from renkei.mapping import Mapping as FeedMapping
from renkei.mapping.explain import FieldTold, RecordTold, explain
from renkei.mapping.masking import masked
from renkei.project import Project
from renkei.records import PERSON_KEYS, RECORD_TYPES, Sensitivity, sensitivity_of
from renkei.workflow.in_force import of_archive


@dataclass(frozen=True, kw_only=True)
class HowField:
    """One golden field with its way back. ``told`` is None where the mapping or the bytes are not to be had;
    ``version`` is the day from which that version of the mapping holds, None for its beginning.
    """

    traced: Traced
    spot: Spot | None
    file: str | None
    version: date | None
    told: FieldTold | None


@dataclass(frozen=True, kw_only=True)
class How:
    """A golden version and how each of its fields came about; ``clear`` says that values are not veiled."""

    golden: Golden
    fields: tuple[HowField, ...]
    clear: bool


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a landed record is: the delivery, its day, and its number there."""

    feed: str
    delivery_id: int
    delivery: str
    sha256: str
    as_of: date
    rec_no: int
    mapping_digest: str | None
    project_digest: str
    in_doubt: bool


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A landed record through today's mapping; ``standing`` says whose it is, ``clear`` that it is unveiled.

    ``is_used`` is true when the mapping is the very one that the record was taken in with.
    """

    place: Place
    spot: Spot
    told: RecordTold
    standing: guard.Standing
    is_used: bool
    clear: bool


_TEXT = """
    SELECT digest, object
    FROM declaration
    WHERE digest = :digest
    ORDER BY declaration_id DESC
    LIMIT 1
"""


def declared(project: Project, engine: sa.Engine) -> Declared:
    """The project's mappings, and those of every text that was ever in force."""

    def text_of(digest: str) -> Project | None:
        with engine.connect() as connection:
            row = connection.execute(sa.text(_TEXT), {"digest": digest}).one_or_none()
        return None if row is None else of_archive(project, digest=row.digest, sha256=row.object)

    return Declared(project, text_of)


# how ---------------------------------------------------------------------------------------------

_WHOSE = "SELECT resident_id FROM open_link WHERE feed = :feed AND source_key = :key"
#: No resident's number is longer.
_MOST_DIGITS = 19


def resident_of(engine: sa.Engine, name: str) -> int | None:
    """The resident whom a number or a record (``feed:key``) names; None where no record has that key.

    Whether there is such a resident, and may be shown, is left to who asks on.
    """
    if name.isascii() and name.isdecimal() and len(name) <= _MOST_DIGITS:
        return int(name)
    feed, _, key = name.partition(":")
    if "\0" in name:
        return None
    with engine.connect() as connection:
        found: int | None = connection.execute(sa.text(_WHOSE), {"feed": feed, "key": key}).scalar()
    return found


def how(
    project: Project,
    engine: sa.Engine,
    resident: int,
    *,
    field: str | None = None,
    as_of: date | None = None,
    known_at: datetime | None = None,
    clear: bool = False,
) -> How | None:
    """Every field of a resident's golden record with its way back, or one of them.

    None when there is no such resident or version, or the person is restricted: nothing tells these apart.
    """
    with engine.connect() as connection:
        if not guard.of_resident(connection, resident):
            return None
        golden = golden_of(connection, [resident], as_of=as_of, known_at=known_at).get(resident)
        if golden is None:
            return None
        if field is not None:
            golden = _only(golden, field)
        origins = origins_of(connection, (record for record, _ in golden.won.values() if record is not None))
        if not _may_be_shown(connection, resident, origins):
            return None
    back = _Back(
        landed=Landed(Landing(project.var / "landing")), texts=declared(project, engine), clear=clear
    )
    found = trace([golden], origins, landed=back.landed, declared=back.texts)[resident]
    told = How(golden=golden, fields=tuple(back.how(each) for each in found), clear=clear)
    with engine.connect() as connection:  # a mark may have landed while the bytes were read
        return told if _may_be_shown(connection, resident, origins) else None


def _may_be_shown(connection: sa.Connection, resident: int, origins: Mapping[int, Origin]) -> bool:
    records = ((each.feed, each.source_key) for each in origins.values())
    return guard.of_resident(connection, resident) and not guard.touches_restricted(connection, records)


def _only(golden: Golden, field: str) -> Golden:
    from renkei.project import nearest

    if field not in golden.won:
        near = nearest(field, golden.won)
        raise FixDeclaration("E_NOT_FOUND", kind=say("項目", "field"), name=field, nearest=near)
    return replace(golden, won={field: golden.won[field]})


@dataclass
class _Back:
    """The way back of one resident's fields; each record is taken through its mapping once."""

    landed: Landed
    texts: Declared
    clear: bool
    _told: dict[int, RecordTold | None] = field(default_factory=dict)

    def how(self, traced: Traced) -> HowField:
        """One field's way back."""
        origin = traced.origin
        mapping = None if origin is None else self._mapping_of(origin)
        if origin is None or mapping is None or traced.reason == "bytes":
            traced = self._veil(traced, self._highest_class(traced, mapping))
            return HowField(traced=traced, spot=None, file=None, version=None, told=None)
        record = self._record(mapping, origin)
        day = origin.as_of if record is None else record.day
        there = mapping.at(day)
        own = _class_of(there, traced.field)
        return HowField(
            traced=self._veil(traced, own),
            spot=self.landed.spot(mapping, origin.sha256, origin.as_of, origin.rec_no),
            file=mapping.file,
            version=_version_of(mapping, day),
            told=self._field(mapping, there, traced.field, own, origin),
        )

    def _highest_class(self, traced: Traced, mapping: FeedMapping | None) -> Sensitivity:
        """Where nobody can say which version it was: the most secret of all, the folder's text among them."""
        base = sensitivity_of("person", traced.field)
        if traced.origin is None:
            texts = tuple(self.texts.project.mappings.values())
        else:
            texts = tuple(filter(None, (mapping, self.texts.project.mappings.get(traced.origin.feed))))
        states = [state for text in texts for state in (text, *(version for _, version in text.versions))]
        persons = [state for state in states if state.feed.record == "person"]
        return highest(base, *(_class_of(state, traced.field) for state in persons))

    def _mapping_of(self, origin: Origin) -> FeedMapping | None:
        return self.texts.mapping(origin.feed, origin.mapping_digest, project_digest=origin.project_digest)

    def _field(
        self, mapping: FeedMapping, there: FeedMapping, column: str, own: Sensitivity, origin: Origin
    ) -> FieldTold | None:
        record, rule = self._record(mapping, origin), rule_for(there, column)
        if record is None or rule is None:
            return None
        told = next(each for each in record.fields if each.to == rule.to)
        told = replace(told, value=record.values.get(column))
        return told if self.clear else veiled(told, classes_of(there), own=own)

    def _record(self, mapping: FeedMapping, origin: Origin) -> RecordTold | None:
        if origin.record_id not in self._told:
            raw = self.landed.raw(mapping, origin.sha256, origin.as_of, origin.rec_no)
            told = None if raw is None else explain(mapping, raw, as_of=origin.as_of)
            self._told[origin.record_id] = told
        return self._told[origin.record_id]

    def _veil(self, traced: Traced, own: Sensitivity) -> Traced:
        if self.clear:
            return traced
        return replace(traced, value=masked(traced.value, own), recomputed=masked(traced.recomputed, own))


def _version_of(mapping: FeedMapping, day: date) -> date | None:
    return next((since for since, _ in reversed(mapping.versions) if since <= day), None)


def _class_of(mapping: FeedMapping, column: str) -> Sensitivity:
    rule, own = rule_for(mapping, column), sensitivity_of(mapping.feed.record, column)
    return own if rule is None else highest(own, rule.sensitivity)


# explain -----------------------------------------------------------------------------------------

_BY_NUMBER = """
    SELECT d.feed, d.delivery_id, d.name AS delivery, d.sha256,
        coalesce((SELECT max(u.as_of) FROM unit AS u WHERE u.delivery_id = d.delivery_id), d.as_of, r.as_of)
            AS as_of,
        CAST(:rec_no AS bigint) AS rec_no,
        (SELECT u.mapping_digest FROM unit AS u WHERE u.delivery_id = d.delivery_id
         ORDER BY u.unit_id DESC LIMIT 1) AS mapping_digest,
        coalesce((SELECT w.project_digest FROM unit AS u JOIN run AS w USING (run_id)
                  WHERE u.delivery_id = d.delivery_id ORDER BY u.unit_id DESC LIMIT 1), r.project_digest)
            AS project_digest,
        EXISTS (SELECT FROM reject AS j
                WHERE j.delivery_id = d.delivery_id AND j.rec_no = :rec_no
                  AND (j.suspect OR j.code = 'E_KEY_TWICE')) AS in_doubt
    FROM delivery AS d
    JOIN run AS r USING (run_id)
    WHERE d.delivery_id = :delivery_id
"""
_BY_KEY = """
    SELECT t.feed, d.delivery_id, d.name AS delivery, d.sha256, u.as_of, t.rec_no, u.mapping_digest,
        r.project_digest, t.in_doubt
    FROM (
        SELECT feed, unit_id, rec_no, false AS in_doubt
        FROM {table}
        WHERE feed = :feed AND source_key = :key AND NOT removed AND NOT superseded
        UNION ALL
        SELECT feed, unit_id, rec_no, suspect OR code = 'E_KEY_TWICE'
        FROM reject
        WHERE feed = :feed AND source_key = :key AND state = 'open'
    ) AS t
    JOIN unit AS u USING (unit_id)
    JOIN delivery AS d ON d.delivery_id = u.delivery_id
    JOIN run AS r ON r.run_id = u.run_id
    ORDER BY u.unit_id DESC, t.in_doubt DESC, t.rec_no
    LIMIT 1
"""
_NAMED = re.compile(r"delivery:([0-9]{1,18})#([0-9]{1,18})")
#: No key of a record has these, for no record that has them is taken in.
_NO_KEY = re.compile("[\x00\ud800-\udfff]")


def explain_record(
    project: Project, engine: sa.Engine, name: str, *, clear: bool = False
) -> Explained | None:
    """The landed record ``FEED/source_key`` or ``delivery:ID#RECORD`` through today's mapping.

    None when there is none, or its person is restricted. The values of a record that may be anybody's stay
    veiled even where ``clear`` is asked for.
    """
    with engine.connect() as connection:
        place = _place(project, connection, name)
    if place is None:
        return None
    mapping = project.mapping(place.feed)
    landed = Landed(Landing(project.var / "landing"))
    raw = landed.raw(mapping, place.sha256, place.as_of, place.rec_no)
    if raw is None:
        return None
    told = explain(mapping, raw, as_of=place.as_of)
    used = _used(declared(project, engine), place)
    then = None if used is None else landed.raw(used, place.sha256, place.as_of, place.rec_no)
    with engine.connect() as connection:
        standing = _standing(connection, mapping, told, place)
        if used is not None and then is not None:
            approved = explain(used, then, as_of=place.as_of)
            standing = _stricter(standing, _standing(connection, used, approved, place))
        else:  # only the text that nobody approved says whose it is
            standing = _stricter(standing, "nobody")
    if standing == "restricted":
        return None
    shown = clear and standing == "shown"
    return Explained(
        place=place,
        spot=landed.spot(mapping, place.sha256, place.as_of, place.rec_no),
        told=told if shown else _veiled(mapping, told, used),
        standing=standing,
        is_used=mapping.digest == place.mapping_digest,
        clear=shown,
    )


def _place(project: Project, connection: sa.Connection, name: str) -> Place | None:
    if named := _NAMED.fullmatch(name):
        asked: Mapping[str, Any] = {"delivery_id": int(named[1]), "rec_no": int(named[2])}
        query = _BY_NUMBER
    else:
        feed, _, key = name.partition("/")
        kind = RECORD_TYPES[project.mapping(feed).feed.record]
        if _NO_KEY.search(key):
            return None
        asked, query = {"feed": feed, "key": key}, _BY_KEY.format(table=kind.table)
    row = connection.execute(sa.text(query), asked).mappings().one_or_none()
    return None if row is None else Place(**row)


def _used(texts: Declared, place: Place) -> FeedMapping | None:
    """The text that the record was taken in with, or the one in force when its delivery came."""
    if place.mapping_digest is None:
        return texts.in_force_then(place.feed, project_digest=place.project_digest)
    return texts.mapping(place.feed, place.mapping_digest, project_digest=place.project_digest)


def _stricter(*standings: guard.Standing) -> guard.Standing:
    order: tuple[guard.Standing, ...] = ("shown", "nobody", "restricted")
    return max(standings, key=order.index)


def _standing(
    connection: sa.Connection, mapping: FeedMapping, told: RecordTold, place: Place
) -> guard.Standing:
    is_person = mapping.feed.record == "person"
    keys = [told.key] if is_person else _persons(told)
    standing = guard.of_record(connection, feed=place.feed, is_person=is_person, keys=keys)
    in_doubt = place.in_doubt or (not is_person and told.refused is not None)
    return "nobody" if standing == "shown" and in_doubt else standing


def _persons(told: RecordTold) -> list[str | None]:
    """Keys of the persons whom a record names; of one set aside, as far as they can be read."""
    made = {each.to: each.steps[-1].value if each.steps else each.text for each in told.fields}
    return [told.values.get(name) or made.get(name) for name in PERSON_KEYS]


def _veiled(mapping: FeedMapping, told: RecordTold, used: FeedMapping | None) -> RecordTold:
    there = mapping.at(told.day)
    classes = draft_classes(there, None if used is None else used.at(told.day))
    fields = tuple(
        veiled(each, classes, own=classes.of_target(there.feed.record, each.to)) for each in told.fields
    )
    return replace(told, fields=fields, values={}, key=None)


# export ------------------------------------------------------------------------------------------

_RUNS = """
    SELECT r.run_id::text AS run_id, r.kind, r.target, r.as_of, r.state, r.started_at, r.finished_at,
        r.error_code, r.project_digest, r.code_version, u.mapping_digest, coalesce(u.merged, 0) AS merged,
        coalesce(u.days, '{}') AS days
    FROM run AS r
    LEFT JOIN LATERAL (
        SELECT (array_agg(mapping_digest ORDER BY unit_id DESC))[1] AS mapping_digest,
            sum(merged)::bigint AS merged, array_agg(DISTINCT as_of) AS days
        FROM unit
        WHERE unit.run_id = r.run_id
    ) AS u ON true
    WHERE CAST(:run AS text) IS NULL OR starts_with(r.run_id::text, :run)
    ORDER BY r.started_at, r.run_id
"""


def export(
    project: Project, engine: sa.Engine, *, run: str | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each run's id and its OpenLineage events, oldest first; ``run`` is an id or the beginning of one."""
    texts = declared(project, engine)
    city = City(code=project.config.code, zone=project.config.time_zone)
    with engine.connect() as connection:
        rows = (
            connection.execute(sa.text(_RUNS), {"run": None if run is None else run.lower()}).mappings().all()
        )
    for row in rows:
        facts = RunFacts(**{**row, "days": tuple(row["days"])})
        yield facts.run_id, list(events_of(facts, _mapping_of_run(facts, texts), city=city))


def _mapping_of_run(run: RunFacts, texts: Declared) -> FeedMapping | None:
    """The text of the run's own units; a run that wrote nothing is told by the text that was in force."""
    if run.mapping_digest is not None:
        return texts.mapping(run.target, run.mapping_digest, project_digest=run.project_digest)
    return texts.in_force_then(run.target, project_digest=run.project_digest)

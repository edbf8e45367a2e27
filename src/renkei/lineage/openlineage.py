"""Runs as OpenLineage events: which feed filled which table, column by column, by which steps. No value of a
record is in them, and no host of a system: only names of columns, steps and connections.

Shapes and schema addresses are those of the OpenLineage specification, core 2-0-2.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from renkei.lineage.show import read_by, rule_for
from renkei.mapping import Mapping as FeedMapping
from renkei.mapping.declaration import BY_DELIVERY, FieldRule
from renkei.mapping.diff import written
from renkei.records import GOLDEN, PERSON, RECORD_TYPES, RecordType, sensitivity_of

_SPEC = "https://openlineage.io/spec"
RUN_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
#: Key of a facet → its version and its name in the specification.
FACETS: Mapping[str, tuple[str, str]] = {
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "dataSource": ("1-0-1", "DatasourceDatasetFacet"),
    "columnLineage": ("1-2-0", "ColumnLineageDatasetFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "nominalTime": ("1-0-1", "NominalTimeRunFacet"),
    "processingEngine": ("1-1-1", "ProcessingEngineRunFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
}
_DOCUMENTATION = {"dataset": "DocumentationDatasetFacet", "job": "DocumentationJobFacet"}

#: Steps after which nothing of the source's value is left but that it was there, or was one word.
_MASKING = frozenset({"present", "equals"})
_ENDED = {"done": "COMPLETE", "held": "ABORT", "failed": "FAIL"}
#: Columns by which records of one person find each other: they decide over the whole golden record.
_LINKING = ("numbering", "party_number", "match_key")
#: What the hub makes the match key of.
MATCHED = ("name_key", "date_of_birth", "sex", "address_key")
_TAKES_IN = frozenset({"sync_in", "refeed"})

Facet = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """A run as its row tells it; ``merged`` counts the records it wrote, ``days`` are those of its units."""

    run_id: str
    kind: str
    target: str
    as_of: date
    state: str
    started_at: datetime
    finished_at: datetime | None
    error_code: str | None
    project_digest: str
    mapping_digest: str | None
    code_version: str
    merged: int
    days: tuple[date, ...] = ()


@dataclass(frozen=True, kw_only=True)
class City:
    """Whose runs they are: the code names the namespaces, the zone says when a day begins."""

    code: str
    zone: str


def events_of(run: RunFacts, mapping: FeedMapping | None, *, city: City) -> Iterator[dict[str, Any]]:
    """START, and COMPLETE, ABORT (held) or FAIL once the run has ended.

    ``mapping`` is the text that the run took its feed in with; without it no column lineage is told.
    """
    maker = _Maker(run=run, mapping=mapping, city=city)
    yield maker.event("START", run.started_at)
    if run.state in _ENDED and run.finished_at is not None:
        yield maker.event(_ENDED[run.state], run.finished_at)


@dataclass(frozen=True, kw_only=True)
class _Maker:
    run: RunFacts
    mapping: FeedMapping | None
    city: City

    def event(self, kind: str, at: datetime) -> dict[str, Any]:
        """One run event."""
        return {
            "eventType": kind,
            "eventTime": at.isoformat(),
            "producer": self._producer,
            "schemaURL": RUN_EVENT,
            "run": {"runId": self.run.run_id, "facets": self._run_facets(kind)},
            "job": {"namespace": self._namespace(), "name": self._job, "facets": self._job_facets()},
            "inputs": self._inputs(),
            "outputs": self._outputs(ended=kind != "START"),
        }

    @property
    def _producer(self) -> str:
        return f"urn:renkei:{self.run.code_version}"

    @property
    def _job(self) -> str:
        return f"{self.run.kind}.{self.run.target}" if self.run.target != self.run.kind else self.run.kind

    def _namespace(self, part: str = "") -> str:
        return "/".join(filter(None, (f"renkei://{self.city.code}", part)))

    def _facet(self, key: str, **facts: Any) -> Facet:  # noqa: ANN401 - a facet's own facts
        version, name = FACETS[key]
        return self._base(f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}") | facts

    def _documentation(self, of: str, text: str) -> Facet:
        name = _DOCUMENTATION[of]
        return self._base(f"{_SPEC}/facets/1-1-0/{name}.json#/$defs/{name}") | {"description": text}

    def _base(self, schema: str) -> Facet:
        return {"_producer": self._producer, "_schemaURL": schema}

    def _run_facets(self, kind: str) -> dict[str, Facet]:
        begins = datetime.combine(self.run.as_of, time(), ZoneInfo(self.city.zone)).isoformat()
        made = {
            "nominalTime": self._facet("nominalTime", nominalStartTime=begins),
            "processingEngine": self._facet("processingEngine", version=self.run.code_version, name="Renkei"),
            "renkei_declarations": self._base("urn:renkei:facet:declarations:1-0-0")
            | {"projectDigest": self.run.project_digest, "mappingDigest": self.run.mapping_digest},
        }
        if kind in ("FAIL", "ABORT") and self.run.error_code:
            made["errorMessage"] = self._facet(
                "errorMessage", message=self.run.error_code, programmingLanguage="PYTHON"
            )
        return made

    def _job_facets(self) -> dict[str, Facet]:
        said = {"sync_in": "takes a feed in", "refeed": "takes set-aside records of a feed in again"}
        return {
            "jobType": self._facet(
                "jobType", processingType="BATCH", integration="RENKEI", jobType=self.run.kind.upper()
            ),
            "documentation": self._documentation("job", said.get(self.run.kind, self.run.kind)),
        }

    # datasets ------------------------------------------------------------------------------------

    def _inputs(self) -> list[dict[str, Any]]:
        if self.run.kind in _TAKES_IN:
            return [self._feed()] if self._record is not PERSON else [self._feed(), self._table(PERSON)]
        if self.run.kind == "reconcile":
            return [self._table(kind) for kind in RECORD_TYPES.values()]
        return [self._named("mismatch")]

    def _outputs(self, *, ended: bool) -> list[dict[str, Any]]:
        if self.run.kind in _TAKES_IN:
            return self._filled(ended=ended)
        return [self._named("mismatch"), self._named("case")] if self.run.kind == "reconcile" else []

    def _filled(self, *, ended: bool) -> list[dict[str, Any]]:
        if self._record is None:
            return []
        table = self._table(self._record)
        lineage = dict(self._columns(self._record))
        table["facets"]["columnLineage"] = self._facet("columnLineage", fields=lineage)
        if ended:
            rows = self._facet("outputStatistics", rowCount=self.run.merged)
            table["outputFacets"] = {"outputStatistics": rows}
        return [table, self._golden()] if self._record is PERSON else [table]

    @property
    def _states(self) -> tuple[FeedMapping, ...]:
        """The versions that records of the run were read by; all of them where each record's date chooses."""
        if self.mapping is None:
            return ()
        every = (self.mapping, *(version for _, version in self.mapping.versions))
        if self.mapping.version_by != BY_DELIVERY:
            return every
        used = [self.mapping.at(day) for day in self.run.days or (self.run.as_of,)]
        return tuple(state for state in every if any(state is each for each in used))

    @property
    def _record(self) -> RecordType | None:
        return None if self.mapping is None else RECORD_TYPES[self.mapping.feed.record]

    def _feed(self) -> dict[str, Any]:
        system, _, name = self.run.target.partition(".")
        made: dict[str, Any] = {"namespace": self._namespace(system), "name": name}
        if self.mapping is None:
            return made
        feed = self.mapping.feed
        named = [each["name"] for state in self._states for each in state.feed.format.get("columns", ())]
        columns = [{"name": name, "type": "text"} for name in dict.fromkeys(named)]
        made["facets"] = {
            "schema": self._facet("schema", fields=columns),
            "dataSource": self._source(feed.connection),
            "documentation": self._documentation("dataset", f"{feed.title} ({feed.owner})"),
        }
        return made

    def _source(self, name: str) -> Facet:
        """A connection by its name: where it leads is nobody's business outside."""
        return self._facet("dataSource", name=name, uri=f"renkei://{self.city.code}/connection/{name}")

    def _named(self, table: str) -> dict[str, Any]:
        return {"namespace": self._namespace("registry"), "name": table}

    def _table(self, kind: RecordType) -> dict[str, Any]:
        columns = [
            {
                "name": each.name,
                "type": _type(each.type),
                "description": f"sensitivity: {sensitivity_of(kind.name, each.name)}",
            }
            for each in list(kind.schema)[1:]
        ]
        return {
            **self._named(kind.table),
            "facets": {
                "schema": self._facet("schema", fields=columns),
                "dataSource": self._source("registry"),
                "documentation": self._documentation("dataset", f"what each system says: {kind.name}"),
            },
        }

    # columns -------------------------------------------------------------------------------------

    def _columns(self, kind: RecordType) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in kind.schema.names[1:]:
            rules = [rule for state in self._states for rule in self._filling(state, name)]
            if rules or name == "match_key":
                yield name, {"inputFields": self._inputs_of(rules)}

    def _filling(self, state: FeedMapping, name: str) -> list[FieldRule]:
        rule = rule_for(state, name)
        if rule is not None:
            return [rule]
        return [each for each in state.fields if name == "match_key" and each.to in MATCHED]

    def _inputs_of(self, rules: Sequence[FieldRule]) -> list[dict[str, Any]]:
        """Each raw column once for every thing that is made of it."""
        made = [self._from(rule, column) for rule in rules for column in read_by(rule)]
        return [each for place, each in enumerate(made) if each not in made[:place]]

    def _from(self, rule: FieldRule, column: str) -> dict[str, Any]:
        system, _, name = self.run.target.partition(".")
        return {
            "namespace": self._namespace(system),
            "name": name,
            "field": column,
            "transformations": [_transformation(rule)],
        }

    def _golden(self) -> dict[str, Any]:
        fields = {
            name: {"inputFields": [self._won(name, f"the record most trusted for its {group} wins it whole")]}
            for group, names in GOLDEN.items()
            for name in names
        }
        strictest = self._won("protected", "the strictest of all systems", subtype="AGGREGATION")
        fields["protected"] = {"inputFields": [strictest]}
        schema = [
            {"name": name, "type": _type(PERSON.schema.field(name).type)}
            for name in fields
            if name in PERSON.schema.names
        ]
        linking = [self._won(name, "same person", kind="INDIRECT", subtype="JOIN") for name in _LINKING]
        return {
            **self._named("golden_version"),
            "facets": {
                "schema": self._facet("schema", fields=schema),
                "dataSource": self._source("registry"),
                "documentation": self._documentation("dataset", "the golden record of each resident"),
                "columnLineage": self._facet("columnLineage", fields=fields, dataset=linking),
            },
        }

    def _won(
        self, column: str, description: str, *, kind: str = "DIRECT", subtype: str = "IDENTITY"
    ) -> dict[str, Any]:
        return {
            **self._named(PERSON.table),
            "field": column,
            "transformations": [
                {"type": kind, "subtype": subtype, "description": description, "masking": False}
            ],
        }


def _transformation(rule: FieldRule) -> dict[str, Any]:
    """What happens to a raw column on its way: the steps as the mapping writes them."""
    is_copy = rule.keeps_text and len(rule.sources) == 1
    how = ["the first filled column"] if rule.pick_first else []
    how += ["columns joined"] if len(rule.sources) > 1 and not rule.pick_first else []
    return {
        "type": "DIRECT",
        "subtype": "IDENTITY" if is_copy else "TRANSFORMATION",
        "description": "; ".join([*how, written(rule.steps) or "as written"]),
        "masking": any(step.name in _MASKING for step in rule.steps),
    }


def _type(kind: pa.DataType) -> str:
    names = {pa.string(): "text", pa.date32(): "date", pa.int64(): "bigint", pa.bool_(): "boolean"}
    return names.get(kind, "timestamp with time zone" if pa.types.is_timestamp(kind) else str(kind))

"""What the OpenLineage specification (core 2-0-2) asks of a run event and of the facets that we use."""

from typing import Any

_URI = {"type": "string", "pattern": r"^[a-z][a-z0-9+.-]*:\S+$"}
_MOMENT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)$"}
_TEXT = {"type": "string", "minLength": 1}


def _object(required: str, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _facet(spec: str, name: str, required: str = "", /, **properties: Any) -> dict[str, Any]:
    """A facet: its address ends in its own name, and it has what its specification requires."""
    where = f"https://openlineage.io/spec/facets/{spec}/{name}.json#/$defs/{name}"
    made = _object(f"_producer _schemaURL {required}", **properties)
    made["properties"] |= {"_producer": _URI, "_schemaURL": {"const": where}}
    return made


_INPUT = _object(
    "namespace name field",
    namespace=_TEXT,
    name=_TEXT,
    field=_TEXT,
    transformations={
        "type": "array",
        "items": _object(
            "type",
            type={"enum": ["DIRECT", "INDIRECT"]},
            subtype={"enum": ["IDENTITY", "TRANSFORMATION", "AGGREGATION", "JOIN", "FILTER"]},
            description=_TEXT,
            masking={"type": "boolean"},
        ),
    },
)
_INPUTS = {"type": "array", "items": _INPUT}
_DATASET = {
    "schema": _facet(
        "1-2-0",
        "SchemaDatasetFacet",
        fields={"type": "array", "items": _object("name", name=_TEXT, type=_TEXT)},
    ),
    "dataSource": _facet("1-0-1", "DatasourceDatasetFacet", name=_TEXT, uri=_URI),
    "documentation": _facet("1-1-0", "DocumentationDatasetFacet", "description", description=_TEXT),
    "columnLineage": _facet(
        "1-2-0",
        "ColumnLineageDatasetFacet",
        "fields",
        fields={"type": "object", "additionalProperties": _object("inputFields", inputFields=_INPUTS)},
        dataset=_INPUTS,
    ),
}
_BASE = _object("_producer _schemaURL", _producer=_URI, _schemaURL=_URI)


def _facets(known: dict[str, Any]) -> dict[str, Any]:
    """Known facets by their keys; another one must at least be a facet, its key with a prefix of ours."""
    own = {"patternProperties": {"^renkei_": _BASE}, "additionalProperties": False}
    return {"type": "object", "properties": known, **own}


def _dataset(**more: Any) -> dict[str, Any]:
    return {
        "type": "array",
        "items": _object("namespace name", namespace=_TEXT, name=_TEXT, facets=_facets(_DATASET), **more),
    }


_STATISTICS = _facet(
    "1-0-2", "OutputStatisticsOutputDatasetFacet", rowCount={"type": "integer", "minimum": 0}
)
RUN_EVENT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        "eventTime producer schemaURL run job",
        eventType={"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        eventTime=_MOMENT,
        producer=_URI,
        schemaURL={"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        run=_object(
            "runId",
            runId={"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
            facets=_facets(
                {
                    "nominalTime": _facet(
                        "1-0-1", "NominalTimeRunFacet", "nominalStartTime", nominalStartTime=_MOMENT
                    ),
                    "processingEngine": _facet("1-1-1", "ProcessingEngineRunFacet", "version", version=_TEXT),
                    "errorMessage": _facet("1-0-1", "ErrorMessageRunFacet", "message programmingLanguage"),
                }
            ),
        ),
        job=_object(
            "namespace name",
            namespace=_TEXT,
            name=_TEXT,
            facets=_facets(
                {
                    "jobType": _facet("2-0-4", "JobTypeJobFacet", "processingType integration"),
                    "documentation": _facet("1-1-0", "DocumentationJobFacet", "description"),
                }
            ),
        ),
        inputs=_dataset(),
        outputs=_dataset(outputFacets=_facets({"outputStatistics": _STATISTICS})),
    ),
}

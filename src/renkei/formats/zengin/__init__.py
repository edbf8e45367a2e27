"""全銀協規定形式, 120 bytes: 総合振込, 給与振込 and 口座振替, proved to the yen, in both directions.

A fixed-length file with a known layout: the fixed-length reader and writer do the work, this adds what
banks demand of the values. A value outside their character set is never changed but by a step that the
feed declares, and every such change stands in the loss report.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import Stop
from renkei.formats import Written, encodings, losses
from renkei.formats.fixed import read_records
from renkei.formats.fixed.layout import FILLS, Layout, layout_of
from renkei.formats.fixed.shape import SET, TEXT, Columns, Problem, known, table
from renkei.formats.fixed.writer import write_records
from renkei.formats.layout import (
    Reject,
    control_values,
    is_too_many,
    key_of,
    key_value,
    number,
    quotable,
    rejects_table,
)
from renkei.formats.zengin import steps
from renkei.formats.zengin.layout import HEADER, KINDS, RECORD, Field, pattern_of, placed
from renkei.model import BYTE_LENGTH, BYTE_OFFSET, REC_NO, Batch, Control

SHAPE = table(
    {
        "kind": {"const": "zengin"},
        **encodings.SHAPE,
        "type": {"enum": list(KINDS)},
        "phase": {"enum": ["request", "result"]},
        "separator": {"enum": ["none", "crlf", "lf"]},
        "fill": {"type": "array", "items": {"enum": list(FILLS)}},
        "groups": {"enum": ["one", "many"]},
        "symbols": TEXT,
        "wo": {"enum": ["allowed", "refused"]},
        "normalise": {"type": "array", "items": {"enum": list(steps.STEPS)}},
        "set": SET,
    },
    "kind",
    "type",
)


def problems(declaration: Mapping[str, Any], columns: Columns, folder: Path) -> Iterator[Problem]:
    """Everything about a 全銀 declaration that cannot work; places are below ``[feed.format]``."""
    yield from encodings.problems(declaration, folder)
    fields = _fields(declaration)
    names = [each.name for each in (*fields, *HEADER)]
    for column in columns:
        yield from known(("columns",), column["name"], names)
    mentioned = {column["name"] for column in columns}
    for field in fields:
        if field.form != "dummy" and field.name not in mentioned:
            yield (), f"{field.name} ({field.japanese}) mapped or ignored", "neither"
    if declaration.get("phase") == "result" and declaration["type"] != "91":
        yield ("phase",), "request: only 口座振替 (91) has results", "result"


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read the file whole or not at all; a record with a value that no bank takes is set aside."""
    batch = read_records(path, _layout(declaration), feed=feed)
    _check_header(batch.control, declaration, feed=feed)
    _check_phase(batch.control, declaration, feed=feed)
    batch = _judged(batch, declaration, feed=feed)
    names = [each["name"] for each in declaration["columns"]]
    return replace(batch, table=batch.table.select([REC_NO, BYTE_OFFSET, BYTE_LENGTH, *names]))


def write(
    table: pa.Table,
    declaration: Mapping[str, Any],
    path: Path,
    *,
    feed: str,
    control: Control | Mapping[str, Any] | None = None,
) -> Written:
    """Write the records; one that no bank would take is set aside. On disk when this returns."""
    given = {**_given(declaration), **control_values(control)}
    given |= {"kind_code": declaration["type"]}
    _check_given(given, declaration, feed=feed)
    if REC_NO not in table.column_names:
        table = table.append_column(REC_NO, pa.array(range(1, len(table) + 1), pa.int64()))
    if "result_code" in {each.name for each in _fields(declaration)} - set(table.column_names):
        # a request says 0 where the bank will write the result
        table = table.append_column("result_code", pa.array(["0"] * len(table), pa.string()))
    table, report = steps.normalised(table, declaration, _fields(declaration))
    sound, rejects = _refused(table, declaration)
    written = write_records(sound, _layout(declaration), path, feed=feed, control=given)
    return replace(
        written,
        rejects=pa.concat_tables([rejects, written.rejects]).sort_by(REC_NO),
        losses=losses.merged([report, written.losses]),
    )


def _fields(declaration: Mapping[str, Any]) -> tuple[Field, ...]:
    return KINDS[declaration["type"]][0]


def _given(declaration: Mapping[str, Any]) -> dict[str, str]:
    """Control values that are known or may be left blank."""
    blank = {each.name: "" for each in (*HEADER, *KINDS[declaration["type"]][1]) if not each.needed}
    nothing = dict.fromkeys(("done_count", "done_total", "failed_count", "failed_total"), "0")
    return {**blank, **nothing, "code_kind": "0", "kind_code": declaration["type"]}


def _layout(declaration: Mapping[str, Any]) -> Layout:
    """The layout as the fixed-length reader and writer know it."""
    fields, sums = KINDS[declaration["type"]]
    own = {name: declaration[name] for name in ("separator", "fill", "groups") if name in declaration}
    encoding = {name: declaration[name] for name in encodings.SHAPE if name in declaration}
    joined = {each["name"] for each in declaration["columns"]} & {each.name for each in HEADER}
    columns = [*placed(fields), *({"name": name} for name in sorted(joined))]
    return layout_of(
        {
            **encoding,
            **own,
            **_proofs(declaration),
            "record": RECORD,
            "end": "9",
            "header_columns": list(placed(HEADER)),
            "trailer_columns": list(placed(sums)),
            "columns": columns,
            "key": declaration.get("key", {}),
        }
    )


def _proofs(declaration: Mapping[str, Any]) -> dict[str, Any]:
    """Counts and totals; a file of results also states what was debited and what was not."""
    counts: list[dict[str, Any]] = [{"trailer": "count", "kinds": ["2"]}]
    totals: list[dict[str, Any]] = [{"trailer": "total", "of": "amount"}]
    if declaration.get("phase") == "result":
        others = [chr(code) for code in (*range(0x31, 0x3A), *range(0x41, 0x5B))]
        for name, values in (("done", ["0"]), ("failed", others)):
            where = {"column": "result_code", "in": values}
            counts.append({"trailer": f"{name}_count", "kinds": ["2"], "where": where})
            totals.append({"trailer": f"{name}_total", "of": "amount", "where": where})
    return {"counts": counts, "totals": totals}


def _check_header(control: Control, declaration: Mapping[str, Any], *, feed: str) -> None:
    """The file is of the declared kind, in the declared code, for a day that exists."""
    for name, value in control.header.items():
        field = name.partition("#")[0]
        if field == "kind_code" and value != declaration["type"]:
            raise Stop("E_ZENGIN_KIND", feed=feed, stated=value, declared=declaration["type"])
        if field == "code_kind" and value != "0":
            raise Stop("E_ZENGIN_KIND", feed=feed, stated=value, declared="0")
        if field == "due_date":
            _check_day(value, feed=feed)


def _check_phase(control: Control, declaration: Mapping[str, Any], *, feed: str) -> None:
    """A request for 口座振替 knows no results yet."""
    if declaration.get("phase", "request") == "request":
        for name, value in control.trailer.items():
            if name.startswith(("done_", "failed_")) and number(value):
                raise Stop("E_TRAILER_COUNT", feed=feed, stated=quotable(value), counted=0)


def _check_given(given: Mapping[str, str], declaration: Mapping[str, Any], *, feed: str) -> None:
    """Header values are what a bank takes: a code that is too short is not filled up."""
    for name, value in given.items():
        for field in HEADER:
            is_it = field.name == name.partition("#")[0] and (field.needed or value)
            if is_it and not re.fullmatch(pattern_of(field, declaration), value):
                raise Stop("E_CONTROL_VALUE", feed=feed, field=name, width=field.bytes)


def _check_day(text: str, *, feed: str) -> None:
    try:
        date(2000, int(text[:2]), int(text[2:]))
    except ValueError:
        raise Stop("E_HEADER_DATE", feed=feed, field="due_date") from None


def _judged(batch: Batch, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Set aside every record with a value that a bank would not take."""
    sound, rejects = _refused(batch.table, declaration)
    every = pa.concat_tables([batch.rejects, rejects]).sort_by(REC_NO)
    if is_too_many(len(every), batch.records):
        first = every.slice(0, 1).to_pylist()[0]
        facts = {"rejects": len(every), "records": batch.records, "first": first["code"]}
        raise Stop("E_MANY_REJECTS", feed=feed, rec_no=first[REC_NO], offset=first[BYTE_OFFSET], **facts)
    return replace(batch, table=sound, rejects=every)


def _refused(records: pa.Table, declaration: Mapping[str, Any]) -> tuple[pa.Table, pa.Table]:
    """The records whose values are as they must be, and the others as rejects."""
    bad: dict[int, Field] = {}
    for field in _fields(declaration):
        if field.name in records.column_names:
            texts = records.column(field.name).combine_chunks().cast(pa.string()).fill_null("")
            fits = pc.match_substring_regex(texts, pattern_of(field, declaration))
            for row in np.flatnonzero(~fits.to_numpy(zero_copy_only=False)):
                bad.setdefault(int(row), field)
    keep = np.ones(len(records), dtype=bool)
    keep[list(bad)] = False
    rejects = [_reject(records, row, field, declaration) for row, field in bad.items()]
    return records.filter(pa.array(keep)), rejects_table(rejects)


def _reject(records: pa.Table, row: int, field: Field, declaration: Mapping[str, Any]) -> Reject:
    known_places = {
        name: records.column(name)[row].as_py()
        for name in (REC_NO, BYTE_OFFSET, BYTE_LENGTH)
        if name in records.column_names
    }
    return Reject(
        rec_no=known_places.get(REC_NO, row + 1),
        field=field.name,
        code="E_BAD_CHARACTER" if field.form == "C" else "E_BAD_FORMAT",
        detail=field.japanese,
        offset=known_places.get(BYTE_OFFSET),
        length=known_places.get(BYTE_LENGTH),
        source_key=key_value(records, row, key_of(declaration)),
    )

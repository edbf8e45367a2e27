"""A COBOL format as declared: which records are header, data and trailer, and how they are stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from renkei.formats import encodings
from renkei.formats.cobol import copybook, numbers, utf16
from renkei.formats.cobol.cells import Storage
from renkei.formats.cobol.copybook import Reading
from renkei.formats.cobol.faults import Fault, refuse
from renkei.formats.cobol.layout import Column, Record
from renkei.formats.cobol.numbers import Zones
from renkei.formats.cobol.tree import Compiler
from renkei.formats.encodings.codec import Codec
from renkei.formats.fixed.layout import Layout, layout_of
from renkei.formats.layout import Key, key_of

Role = Literal["header", "trailer", "end"]
ROLES: tuple[Role, ...] = ("header", "trailer", "end")


@dataclass(frozen=True, kw_only=True)
class Total:
    """A control total: the trailer's ``trailer`` states the sum of ``of``; ``modulo`` cuts it, 0 does not."""

    trailer: str
    of: str
    modulo: int


@dataclass(frozen=True, kw_only=True)
class Exploded:
    """A table that is read as rows; ``number`` names the column that says which occurrence a row is."""

    table: str
    number: str
    most: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that reading and writing need. ``frame`` cuts a file into records and knows their kinds."""

    data: Record
    controls: Mapping[Role, Record]
    frame: Layout
    storage: Storage
    columns: tuple[Column, ...]
    keeps_filler: bool
    may_hold_remains: bool
    kind_item: str | None
    count: str | None
    totals: tuple[Total, ...]
    as_of: str | None
    key: Key
    rows: Exploded | None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of a batch, in their order."""
        names = dict.fromkeys(self.row_name(column) for column in self.columns)
        return (*((self.rows.number,) if self.rows else ()), *names)

    def row_name(self, column: Column) -> str:
        """A column's name in a row: the table that is exploded leaves no subscript."""
        if self.rows is None or self.rows.table not in column.tables:
            return column.name
        at = column.tables.index(self.rows.table)
        rest = [*column.subscripts[:at], *column.subscripts[at + 1 :]]
        return column.base + (f"({','.join(map(str, rest))})" if rest else "")

    def occurrence(self, column: Column) -> int | None:
        """Which row of its record a column belongs to; None for all of them."""
        if self.rows is None or self.rows.table not in column.tables:
            return None
        return column.subscripts[column.tables.index(self.rows.table)]


def plan_of(declaration: Mapping[str, Any], *, feed: str = "") -> Plan:
    """The plan, or FixDeclaration with everything that does not fit together."""
    found: list[Fault] = []
    plan = draft(declaration, found)
    refuse(found, feed=feed)
    assert plan is not None
    return plan


def draft(declaration: Mapping[str, Any], faults: list[Fault]) -> Plan | None:
    """The plan as far as it can be made; what is wrong is added to ``faults``."""
    path = Path(declaration["copybook"])
    records, found = copybook.examine(path, reading_of(declaration))
    faults += found
    if found:
        return None
    by_role = dict(_roles(declaration, records, faults, file=path.name))
    if "data" not in by_role:
        return None
    data = by_role.pop("data")
    used = [data, *by_role.values()]
    storage = _storage(declaration, used, faults, file=path.name)
    if storage is None:
        return None
    controls = {role: by_role[role] for role in ROLES if role in by_role}
    frame = _frame(declaration, data, used)
    rows = _exploded(declaration, data, faults, file=path.name)
    plan = _plan(declaration, data, controls=controls, frame=frame, storage=storage, rows=rows)
    columns = tuple(_columns(declaration, plan, faults, file=path.name))
    faults += _unknown(plan, declaration, file=path.name)
    return replace(plan, columns=columns)


def _plan(declaration: Mapping[str, Any], data: Record, **made: Any) -> Plan:  # noqa: ANN401 (fields of a plan)
    """The plan without its columns, which need it."""
    return Plan(
        data=data,
        columns=(),
        keeps_filler=declaration.get("filler") == "keep",
        may_hold_remains=declaration.get("unused") == "any",
        kind_item=declaration.get("kind_item"),
        count=declaration.get("count"),
        totals=tuple(map(_total, declaration.get("totals", ()))),
        as_of=declaration.get("as_of"),
        key=key_of(declaration),
        **made,
    )


def reading_of(declaration: Mapping[str, Any]) -> Reading:
    """How to read the copybook's text."""
    return Reading(
        encoding=declaration.get("copybook_encoding"),
        form=declaration.get("source"),
        replacing=declaration.get("replacing", {}),
        compiler=Compiler(
            binary_size=declaration.get("binary_size", "2-4-8"), sync=declaration.get("sync", "ibm")
        ),
        redefines=declaration.get("redefines", ()),
    )


def _roles(
    declaration: Mapping[str, Any], records: Sequence[Record], faults: list[Fault], *, file: str
) -> Iterator[tuple[Any, Record]]:
    """Which record is what. The only one of a copybook needs no name."""
    by_name = {record.name.upper(): record for record in records}
    known = ", ".join(record.name for record in records)
    named = {role: declaration.get(f"{role}_record") for role in ROLES}
    data = declaration.get("record") or (records[0].name if len(records) == 1 else None)
    if data is None:
        faults.append(Fault(file=file, line=0, expected="record to name one of the 01 levels", found=known))
    for role, name in [("data", data), *named.items()]:
        if name is None:
            continue
        if name.upper() in by_name:
            yield role, by_name[name.upper()]
        else:
            faults.append(Fault(file=file, line=0, expected=f"a record of {known}", found=name))


# storage ------------------------------------------------------------------------------------------


def _storage(
    declaration: Mapping[str, Any], records: Sequence[Record], faults: list[Fault], *, file: str
) -> Storage | None:
    """How the file's machine stores things; what the copybook cannot say must be declared, never guessed."""
    kinds = {column.cell.kind for record in records for column in record.columns}
    codec = encodings.of(declaration)
    zones = _zones(declaration, codec, records, faults, file=file)
    for kind, key in (("national", "national"), ("native", "native_order")):
        if kind in kinds and key not in declaration:
            what = "PIC N" if kind == "national" else "COMP-5"
            faults.append(
                Fault(file=file, line=0, expected=f"{key} to be declared for {what}", found="nothing")
            )
            return None
    national = declaration.get("national", "dbcs")
    is_unicode = national != "dbcs"
    return Storage(
        codec=codec,
        national=utf16.national(national) if is_unicode else codec.national,
        zones=zones,
        is_tolerant=declaration.get("signs") == "tolerant",
        blank_is_null=declaration.get("blank") == "null",
        is_truncated=declaration.get("binary_truncate", True),
        binary=declaration.get("binary_order", "big"),
        native=declaration.get("native_order", "big"),
        wide_pad=declaration.get("national_pad", "blank" if is_unicode else "wide"),
        losses=codec.losses,
    )


def _zones(
    declaration: Mapping[str, Any], codec: Codec, records: Sequence[Record], faults: list[Fault], *, file: str
) -> Zones:
    """Digits as the file's encoding writes them, signs by the declared convention."""
    digits = b"".join(codec.encode(digit) for digit in "0123456789")
    is_ebcdic = digits[0] == 0xF0
    convention = declaration.get("sign", "ebcdic" if is_ebcdic else None)
    if convention is None and (column := _first_signed(records)):
        expected = f"sign to be declared for {column.name}: ascii or overpunch"
        faults.append(Fault(file=file, line=column.entry.line, expected=expected, found="nothing"))
    elif convention in {"ebcdic", "ascii", "overpunch"} and is_ebcdic != (convention == "ebcdic"):
        expected = f"a sign convention of {codec.name}"
        faults.append(Fault(file=file, line=0, expected=expected, found=f"sign {convention}"))
    separate = codec.encode("+") + codec.encode("-")
    return numbers.zones(convention or "ascii", digits=digits, separate=separate)


def _first_signed(records: Sequence[Record]) -> Column | None:
    """A zoned item whose sign sits in a digit."""
    columns = (column for record in records for column in record.columns)
    return next(
        (
            each
            for each in columns
            if each.cell.kind == "zoned" and each.cell.is_signed and not each.cell.is_sign_separate
        ),
        None,
    )


# records and columns ------------------------------------------------------------------------------


def _frame(declaration: Mapping[str, Any], data: Record, used: Sequence[Record]) -> Layout:
    """How the file is cut into records, in the words of the fixed-length format."""
    kept = (*encodings.SHAPE, "separator", "prefix", "fill")
    passed = {key: declaration[key] for key in kept if key in declaration}
    kind = data.column(declaration.get("kind_item", ""))
    others = [{"kind": each} for each in declaration.get("others", ())]
    return layout_of(
        {
            **passed,
            "kind": "fixed",
            "record": declaration.get("bytes", max(record.bytes for record in used)),
            "kind_at": kind.at + 1 if kind else 1,
            "data": declaration.get("data", ""),
            "records": others,
            "columns": [],
            **{role: declaration.get(role, "") for role in ROLES},
        }
    )


def _total(declared: Mapping[str, Any]) -> Total:
    modulo = 10 ** declared["digits"] if "digits" in declared else 0
    return Total(trailer=declared["trailer"], of=declared["of"], modulo=modulo)


def _exploded(
    declaration: Mapping[str, Any], data: Record, faults: list[Fault], *, file: str
) -> Exploded | None:
    """The table that is read as rows, which must stand in no other table."""
    rows = declaration.get("rows")
    if rows is None:
        return None
    of = [each for each in data.columns if each.tables and each.tables[0].upper() == rows["of"].upper()]
    if not of:
        expected = "rows to name an OCCURS item that stands in no other"
        faults.append(Fault(file=file, line=data.line, expected=expected, found=rows["of"]))
        return None
    return Exploded(table=of[0].tables[0], number=rows["number"], most=max(each.subscripts[0] for each in of))


def _columns(
    declaration: Mapping[str, Any], plan: Plan, faults: list[Fault], *, file: str
) -> Iterator[Column]:
    """The columns that are asked for, in that order; all that the record offers where none are named."""
    by_name: dict[str, list[Column]] = {}
    for column in plan.data.columns:
        by_name.setdefault(plan.row_name(column).upper(), []).append(column)
    wanted = [each["name"] for each in declaration.get("columns", ())] or list(offered(plan))
    for name in wanted:
        if plan.rows and name.upper() == plan.rows.number.upper():
            continue
        if name.upper() not in by_name:
            faults.append(
                Fault(file=file, line=plan.data.line, expected=f"an item of {plan.data.name}", found=name)
            )
        yield from by_name.get(name.upper(), ())


def offered(plan: Plan) -> tuple[str, ...]:
    """The names that a mapping maps or ignores: every byte once."""
    columns = [
        each for each in plan.data.columns if not each.is_extra and (plan.keeps_filler or not each.is_filler)
    ]
    return tuple(dict.fromkeys(plan.row_name(each) for each in columns))


def _unknown(plan: Plan, declaration: Mapping[str, Any], *, file: str) -> Iterator[Fault]:
    """Names in the declaration that no record has."""
    trailer, header = plan.controls.get("trailer"), plan.controls.get("header")
    wanted: list[tuple[str, str | None, Record | None]] = [
        ("count", plan.count, trailer),
        ("as_of", plan.as_of, header),
        ("kind_item", plan.kind_item, plan.data),
    ]
    for total in plan.totals:
        wanted.append(("totals", total.trailer, trailer))
        if not summed(plan.data, total.of):
            yield Fault(file=file, line=plan.data.line, expected="a number item for totals", found=total.of)
    for area in plan.data.areas:
        wanted += [("redefines", take.field, plan.data) for take in area.takes]
    if plan.data.depending:
        wanted.append(("DEPENDING ON", plan.data.depending.on, plan.data))
    for key, name, record in wanted:
        if name is not None and (record is None or record.column(name) is None):
            where = record.name if record else f"a record declared for {key}"
            yield Fault(file=file, line=0, expected=f"{key}: an item of {where}", found=name)
    yield from _wrong_sizes(plan, declaration, file=file)


def _wrong_sizes(plan: Plan, declaration: Mapping[str, Any], *, file: str) -> Iterator[Fault]:
    longest = max(record.bytes for record in (plan.data, *plan.controls.values()))
    if declaration.get("bytes", longest) < longest:
        found = f"bytes = {declaration['bytes']}"
        yield Fault(
            file=file, line=plan.data.line, expected=f"at least {longest} bytes a record", found=found
        )
    for role in plan.controls:
        if not declaration.get(role):
            yield Fault(
                file=file, line=0, expected=f"{role}: the text that marks its record", found="nothing"
            )
    if any(declaration.get(role) for role in ROLES) and not declaration.get("data"):
        yield Fault(file=file, line=0, expected="data: the text that marks a data record", found="nothing")


def summed(record: Record, name: str) -> tuple[Column, ...]:
    """The columns that a total adds up: one, or every occurrence of a table's item."""
    numeric = [each for each in record.columns if each.cell.kind in {"zoned", "packed", "binary", "native"}]
    return tuple(each for each in numeric if name.upper() in {each.name.upper(), each.base.upper()})

"""Arrow → XML, block by block, and proved by its own schema before anybody is offered it."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr  # noqa: TID251 - writes one quoted value, reads nothing

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from renkei.errors import FixDeclaration
from renkei.formats import Written, encodings
from renkei.formats.layout import Reject, rejects_table
from renkei.formats.losses import Losses
from renkei.formats.xml import schema
from renkei.formats.xml.layout import Layout, layout_of

_BLOCK = 100_000
#: What XML 1.0 has no place for.
_IMPOSSIBLE = r"[^\t\n\r\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"
_CALLED = {"utf-8": "UTF-8", "cp932": "Windows-31J", "euc-jp": "EUC-JP", "utf-16": "UTF-16"}


def write(
    table: pa.Table, declaration: Mapping[str, Any], path: Path, *, feed: str, control: Mapping[str, str]
) -> Written:
    """Write every record that its schema allows; the others are set aside, and the file appears whole.

    ``control`` gives the root's attributes (``@作成日``); the declared count is computed. A null is left out,
    an empty text is an empty element. What the encoding lacks is written as a character reference.
    """
    layout = layout_of(declaration)
    _check(layout, feed=feed)
    fit, rejects = _without_impossible(table, layout)
    part = path.with_name(path.name + ".part")
    _write_file(fit, layout, part, declaration=declaration, control=control)
    bad = _judged(part, declaration, feed=feed)
    if bad:
        numbers = _numbers(fit)
        rejects += [Reject(**{**vars(each), "rec_no": numbers[each.rec_no - 1]}) for each in bad]
        keep = ~pl.Series(range(1, fit.num_rows + 1)).is_in([each.rec_no for each in bad])
        fit = fit.filter(keep.to_arrow(compat_level=pl.CompatLevel.oldest()))
        _write_file(fit, layout, part, declaration=declaration, control=control)
    size, digest = _to_disk(part)
    part.rename(path)
    return Written(
        records=fit.num_rows,
        bytes=size,
        sha256=digest,
        rejects=rejects_table(rejects),
        losses=Losses().table(),
    )


def _check(layout: Layout, *, feed: str) -> None:
    """Records inside others cannot be told apart from rows alone, so they are only read."""
    if len(layout.record) > 1 or any(each.name.startswith("../") for each in layout.columns):
        problem = f"{feed}: records inside other records can be read, not written"
        raise FixDeclaration("E_DECLARATION", problems=problem)


def _numbers(table: pa.Table) -> list[int]:
    """A row's number in what was to be written, whatever was set aside before it."""
    return list(table.column(_ROW).to_pylist())


_ROW = "__row"


def _without_impossible(table: pa.Table, layout: Layout) -> tuple[pa.Table, list[Reject]]:
    """Rows with a character that XML cannot hold in any form are set aside."""
    names = [each.name for each in layout.columns if each.name in table.column_names]
    rows = pa.array(range(1, table.num_rows + 1), pa.int64())
    table = table.select(names).append_column(_ROW, rows)
    frame = pl.DataFrame(table)
    rejects: dict[int, Reject] = {}
    for name in names:
        bad = frame.filter(pl.col(name).str.contains(_IMPOSSIBLE)).get_column(_ROW)
        for row in bad:
            rejects.setdefault(row, Reject(rec_no=row, field=name, code="E_BAD_CHARACTER", detail="XML 1.0"))
    keep = pc.invert(pc.is_in(table.column(_ROW), value_set=pa.array(list(rejects), pa.int64())))
    return table.filter(keep), list(rejects.values())


# text ---------------------------------------------------------------------------------------------


def _write_file(
    table: pa.Table, layout: Layout, part: Path, *, declaration: Mapping[str, Any], control: Mapping[str, str]
) -> None:
    encode = _encoder(declaration, layout)
    with part.open("wb") as file:
        file.write(encode(_head(table.num_rows, layout, control)))
        for block in _blocks(table, layout):
            file.write(encode(block))
        file.write(encode(f"</{layout.root}>\n"))
        file.flush()
        os.fsync(file.fileno())


def _head(records: int, layout: Layout, control: Mapping[str, str]) -> str:
    values = {name.removeprefix("@"): value for name, value in control.items()}
    if layout.count is not None:
        values[layout.count.removeprefix("@")] = str(records)
    spaces = {"xmlns": layout.namespace} if layout.namespace else {}
    spaces |= {f"xmlns:{short}": long for short, long in layout.namespaces.items()}
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in (spaces | values).items())
    return f'<?xml version="1.0" encoding="{_CALLED[layout.encoding]}"?>\n<{layout.root}{attributes}>\n'


def _blocks(table: pa.Table, layout: Layout) -> Iterator[str]:
    """Records as text, so many at a time that memory stays bounded."""
    names = [name for name in _in_order(layout) if name in table.column_names]
    markup = _element(layout.record[-1], names, "").alias("record")
    for start in range(0, table.num_rows, _BLOCK):
        frame = pl.DataFrame(table.slice(start, _BLOCK))
        yield "\n".join([*frame.select(markup).get_column("record"), ""])


def _in_order(layout: Layout) -> list[str]:
    """Columns as the schema orders its elements; a mapping may name them in any order."""
    from renkei.formats.xml import local_path

    place = layout.schema or layout.record_schema
    known = schema.columns(place, root=layout.root, record=layout.record) if place else []
    order = {path: number for number, path in enumerate(known)}
    names = [each.name for each in layout.columns]
    return sorted(names, key=lambda name: order.get(local_path(name), len(order)))


def _element(name: str, paths: Sequence[str], before: str) -> pl.Expr:
    """Markup of an element from its columns; ``paths`` are below it, ``before`` is where it lies."""
    attributes = [_attribute(path, before) for path in paths if path.startswith("@")]
    inside = [_part(part, paths, before) for part in _children(paths)]
    opened = pl.concat_str([pl.lit(f"<{name}"), *attributes, pl.lit(">")])
    return pl.concat_str([opened, *inside, pl.lit(f"</{name}>")])


def _children(paths: Sequence[str]) -> list[str]:
    """Names right below, in the order of their first mention."""
    return list(dict.fromkeys(path.split("/")[0] for path in paths if not path.startswith("@")))


def _part(name: str, paths: Sequence[str], before: str) -> pl.Expr:
    below = [path.removeprefix(f"{name}/") for path in paths if path.startswith(f"{name}/")]
    if not below:
        return _leaf(name, before)
    columns = [pl.col(f"{before}{name}/{path}") for path in below]
    text = [_escaped(f"{before}{name}")] if name in paths else []
    markup = _element(name, below, f"{before}{name}/")
    if text:  # an element with text of its own and attributes
        attributes = [_attribute(path, f"{before}{name}/") for path in below if path.startswith("@")]
        markup = pl.concat_str([pl.lit(f"<{name}"), *attributes, pl.lit(">"), *text, pl.lit(f"</{name}>")])
        columns = [pl.col(f"{before}{name}")]
    is_there = pl.any_horizontal(column.is_not_null() for column in columns)
    return pl.when(is_there).then(markup).otherwise(pl.lit(""))


def _leaf(name: str, before: str) -> pl.Expr:
    markup = pl.concat_str([pl.lit(f"<{name}>"), _escaped(before + name), pl.lit(f"</{name}>")])
    return pl.when(pl.col(before + name).is_not_null()).then(markup).otherwise(pl.lit(""))


def _attribute(path: str, before: str) -> pl.Expr:
    value = _escaped(before + path).str.replace_many(['"', "\n", "\t"], ["&quot;", "&#10;", "&#9;"])
    markup = pl.concat_str([pl.lit(f' {path[1:]}="'), value, pl.lit('"')])
    return pl.when(pl.col(before + path).is_not_null()).then(markup).otherwise(pl.lit(""))


def _escaped(column: str) -> pl.Expr:
    """Text that a parser gives back as it was; a bare carriage return would become a line feed."""
    return pl.col(column).str.replace_many(["&", "<", ">", "\r"], ["&amp;", "&lt;", "&gt;", "&#13;"])


def _encoder(declaration: Mapping[str, Any], layout: Layout) -> Callable[[str], bytes]:
    """Text → bytes; what the encoding has not, or would give back changed, becomes a reference."""
    if layout.encoding in ("utf-8", "utf-16"):
        marks = iter(["\ufeff"]) if layout.encoding == "utf-16" else iter(())
        name = "utf-16-le" if layout.encoding == "utf-16" else "utf-8"
        return lambda text: (next(marks, "") + text).encode(name)
    codec = encodings.of(declaration)
    known: dict[str, str] = {}

    def encode(text: str) -> bytes:
        for char in set(text) - known.keys():
            known[char] = char if _survives(char, codec) else f"&#x{ord(char):X};"
        changed = {ord(char): known[char] for char in set(text) if known[char] != char}
        return bytes(codec.encode(text.translate(changed)))

    return encode


def _survives(char: str, codec: Any) -> bool:  # noqa: ANN401 - any codec of ours
    try:
        return bool(codec.decode(codec.encode(char)) == char)
    except UnicodeError:
        return False


# proof --------------------------------------------------------------------------------------------


def _judged(part: Path, declaration: Mapping[str, Any], *, feed: str) -> list[Reject]:
    """Records of the written file that their schema does not allow; a bad envelope is a Stop."""
    from renkei.formats import xml

    loose = {name: value for name, value in declaration.items() if name != "count"}
    batch = xml.read(part, loose, feed=feed)
    return [_reject(row) for row in batch.rejects.to_pylist()]


def _reject(row: Mapping[str, Any]) -> Reject:
    return Reject(
        rec_no=row["__rec_no"], field=row["field"], code=row["code"], detail=row["detail"],
        source_key=row["source_key"],
    )  # fmt: skip


def _to_disk(part: Path) -> tuple[int, str]:
    with part.open("rb") as file:
        return part.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()

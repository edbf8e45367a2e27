"""税: full files of fixed-length CP932 records every night, encoded by iconv as the vendor's host does."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from renkei_sample.records import (
    Assessment,
    Dependant,
    Property,
    Representation,
    ReturnedMail,
    Taxpayer,
)

if TYPE_CHECKING:
    import polars as pl

CsvRow = Property | Dependant | ReturnedMail | Representation
TAXPAYER_BYTES, ASSESSMENT_BYTES = 420, 300
_HASH_MODULUS = 10**15


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a layout. ``pad``: full-width space, half-width space, or zeros on the left."""

    name: str
    size: int
    pad: str


_WIDE, _HALF, _ZERO = "　", " ", "0"
TAXPAYER_LAYOUT = (
    _Column("atena_no", 10, _HALF),
    _Column("atena_kbn", 1, _HALF),
    _Column("shimei", 60, _WIDE),
    _Column("shimei_kana", 60, _HALF),
    _Column("seibetsu", 1, _HALF),
    _Column("seinengappi", 7, _HALF),
    _Column("setai_no", 10, _HALF),
    _Column("zokugara", 2, _HALF),
    _Column("yubin", 7, _HALF),
    _Column("shikuchoson", 6, _HALF),
    _Column("jusho", 100, _WIDE),
    _Column("katagaki", 60, _WIDE),
    _Column("jotai", 1, _HALF),
    _Column("ido_ymd", 7, _HALF),
    _Column("koshin_jiyu", 2, _HALF),
    _Column("koshin_ymdhms", 14, _HALF),
    _Column("sosa_id", 8, _HALF),
    _Column("tanmatsu_id", 8, _HALF),
    _Column("shien", 1, _HALF),
)
ASSESSMENT_LAYOUT = (
    _Column("atena_no", 10, _HALF),
    _Column("nendo", 4, _HALF),
    _Column("choshu", 1, _HALF),
    _Column("sofu_shitei", 1, _HALF),
    _Column("sofu_yubin", 7, _HALF),
    _Column("sofu_jusho", 100, _WIDE),
    _Column("sofu_katagaki", 60, _WIDE),
    _Column("nenzei", 11, _ZERO),
    _Column("koshin_jiyu", 2, _HALF),
    _Column("koshin_ymdhms", 14, _HALF),
    _Column("sosa_id", 8, _HALF),
    _Column("tanmatsu_id", 8, _HALF),
    _Column("hikazei", 1, _HALF),
    _Column("shogaisha", 1, _HALF),
    _Column("ho294", 1, _HALF),
)


def taxpayer_file(
    rows: Sequence[Taxpayer],
    *,
    day: date,
    generation: int,
    stated: int | None = None,
    numbers: Mapping[str, str] | None = None,
) -> bytes:
    """KJ: header, taxpayers, trailer. ``stated`` overrides the trailer's count (a broken file).

    ``numbers``: 個人番号 by 宛名番号, which then begin the filler of each record.
    """
    total = sum(int(row.atena_no) for row in rows) % _HASH_MODULUS
    trailer = f"8{len(rows) if stated is None else stated:08d}{total:015d}"
    body = _records(rows, TAXPAYER_LAYOUT, TAXPAYER_BYTES, numbers=numbers)
    return _file(body, trailer, TAXPAYER_BYTES, len(rows), day, generation)


def assessment_file(rows: Sequence[Assessment], *, day: date, generation: int) -> bytes:
    """FK: header, assessments, trailer with the sum of the year's tax."""
    trailer = f"8{len(rows):08d}{sum(row.nenzei for row in rows):015d}"
    return _file(
        _records(rows, ASSESSMENT_LAYOUT, ASSESSMENT_BYTES),
        trailer,
        ASSESSMENT_BYTES,
        len(rows),
        day,
        generation,
    )


def csv_file(rows: Sequence[CsvRow], kind: type[CsvRow], *, day: date) -> bytes:
    """KS, FY, HR or DR: a line with the day, the names, a line a row, a line with the count."""
    names = [each.name for each in fields(kind)]
    lines = [("H", "ZEIMU", f"{day:%Y%m%d}"), tuple(name.upper() for name in names)]
    lines += [tuple(getattr(row, name) for name in names) for row in rows]
    lines.append(("T", str(len(rows))))
    # numbers and dates alone: nothing in them needs a quote doubled
    return "".join('"' + '","'.join(line) + '"\r\n' for line in lines).encode("ascii")


def write_with_done(path: Path, content: bytes, *, done: str, staging: Path) -> None:
    """Put a file in place whole, then its done-file; writing again replaces both."""
    part = staging / path.name
    part.write_bytes(content)
    part.chmod(0o644)
    part.replace(path)
    flag = path.with_suffix(done)
    flag.touch()
    flag.chmod(0o644)


def to_cp932(text: str) -> bytes:
    """Encode by glibc's own table, which writes 髙 as FBFC where Python would write EEE0."""
    done = subprocess.run(
        ["iconv", "-f", "UTF-8", "-t", "CP932"], input=text.encode("utf-8"), capture_output=True, check=False
    )
    if done.returncode != 0:
        raise ValueError("a character has no place in CP932; the file was not written")
    return done.stdout


def _file(body: str, trailer: str, size: int, count: int, day: date, generation: int) -> bytes:
    header = f"1ZEIMU   {day:%Y%m%d}200000{generation % 10000:04d}".ljust(size)
    content = to_cp932(header + body + trailer.ljust(size))
    if len(content) != size * (count + 2):
        raise ValueError("a value did not fit its column; the file was not written")
    return content


def _records(
    rows: Sequence[Taxpayer | Assessment],
    layout: Sequence[_Column],
    size: int,
    *,
    numbers: Mapping[str, str] | None = None,
) -> str:
    import polars as pl

    names = [column.name for column in layout]
    frame = pl.DataFrame(
        {name: [getattr(row, name) for row in rows] for name in names}, infer_schema_length=None
    )
    filler = size - 1 - sum(column.size for column in layout)
    held = pl.col("atena_no").replace_strict(numbers or {}, default="", return_dtype=pl.String)
    parts = [pl.lit("2"), *(_padded(column) for column in layout), held.str.pad_end(filler)]
    return "".join(frame.select(pl.concat_str(parts)).to_series()) if rows else ""


def _padded(column: _Column) -> "pl.Expr":
    import polars as pl

    value = pl.col(column.name).cast(pl.String)
    if column.pad == _ZERO:
        return value.str.zfill(column.size)
    return value.str.pad_end(column.size // 2 if column.pad == _WIDE else column.size, column.pad)

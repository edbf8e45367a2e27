"""Moments as systems write them ↔ instants shown in Japan's zone."""

import polars as pl

#: What a clock that does not say so may show. Japan's is the one unless a mapping declares another.
ZONES = ("Asia/Tokyo", "UTC")
PATTERNS = ("YYYYMMDDhhmmss", "ISO")

_OFFSET = "Z|[+-][0-9]{2}:?[0-9]{2}"
_CLOCK = "(?:[01][0-9]|2[0-3])"
_FIGURES = rf"^[0-9]{{8}}{_CLOCK}[0-5][0-9][0-5][0-9]$"
_ISO = (
    rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{_CLOCK}:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:{_OFFSET})?$"
)


def read_timestamps(text: pl.Expr, pattern: str, *, zone: str = "Asia/Tokyo") -> pl.Expr:
    """Wall clock of the zone, or any instant with an offset of its own, as an instant shown in Japan's zone.

    Null where the text is no such time; Japan's clock has had no summer time since 1951, and an hour that a
    clock of 1948 to 1951 showed twice is taken as its first.
    """
    if pattern == "YYYYMMDDhhmmss":
        figures = pl.when(text.str.contains(_FIGURES)).then(text)
        return _at(figures.str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False), zone)
    whole = pl.when(text.str.contains(_ISO)).then(text)
    second, rest = whole.str.slice(0, 19), whole.str.slice(19)
    clock = second.str.replace("T", " ", literal=True).str.to_datetime(
        "%Y-%m-%d %H:%M:%S", time_unit="us", strict=False
    ) + pl.duration(microseconds=_microseconds(rest))
    offset = rest.str.extract(rf"({_OFFSET})$")
    return pl.when(offset.is_null()).then(_at(clock, zone)).otherwise(_at(clock - _span(offset), "UTC"))


def write_timestamps(moment: pl.Expr, pattern: str, *, zone: str = "Asia/Tokyo") -> pl.Expr:
    """An instant as a clock of the zone shows it; null where the pattern cannot hold its fractions."""
    clock = moment.dt.convert_time_zone(zone)
    part = clock.dt.microsecond()
    if pattern == "YYYYMMDDhhmmss":
        return pl.when(part == 0).then(clock.dt.strftime("%Y%m%d%H%M%S"))
    second = clock.dt.strftime("%Y-%m-%d %H:%M:%S")
    tail = pl.concat_str(pl.lit("."), part.cast(pl.String).str.zfill(6))
    return pl.concat_str(second, pl.when(part == 0).then(pl.lit("")).otherwise(tail))


def _at(clock: pl.Expr, zone: str) -> pl.Expr:
    shown = clock.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return shown.dt.convert_time_zone("Asia/Tokyo")


def _microseconds(rest: pl.Expr) -> pl.Expr:
    figures = rest.str.extract(r"^\.([0-9]{1,6})")
    return figures.str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)


def _span(offset: pl.Expr) -> pl.Expr:
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = offset.str.slice(-2).cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    return pl.duration(minutes=sign * (hours * 60 + minutes))

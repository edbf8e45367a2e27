"""An address → its place: municipality, town, block, number, branch, and the key that all spellings share.

Rows are never walked. What differs little (the beginning of an address, up to its first number) is looked up
once a distinct value in the table of towns; what differs much (the numbers) is cut by expressions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from renkei.mapping.address.changes import renamed
from renkei.mapping.address.find import find
from renkei.mapping.address.folding import BORDER, NUMBERS, fold, hyphenate, joined, where
from renkei.mapping.address.towns import Towns

#: The parts of a place. ``level`` is how far it was understood: building number block town municipality none.
PARTS = ("key", "town", "town_id", "block", "number", "branch", "building", "level")
PLACE = pl.Struct(dict.fromkeys(PARTS, pl.String))

#: Longest beginning that is looked at: 通り名 of 京都 before the longest town.
_REACH = 48

_LETTER = "[甲乙丙丁戊己庚辛壬癸イロハニホヘトチリヌルヲ]"
#: What follows a figure and is still part of the place, not a building.
_UNIT = "(?:地割|線|条|区|組|班|丁|街区|部|割)"
#: 甲12-3 · 東12 · 12-5-ロ · 12-5コーポ: what stands before, numbers, a letter at the end, or the rest.
_SPLIT = (
    rf"^((?:[^0-9]*[0-9]+{_UNIT})*[^0-9{BORDER}]*)([0-9]+(?:[-ノ]?{_LETTER}?[-ノ]?[0-9]+)*)"
    rf"(?:[-ノ]*({_LETTER})$|[番号地ノ\-{BORDER}]*(.*)$)"
)
_GROUPS = ("before", "numbers", "letter", "after")
#: A room, a wing or a floor: no number of the house.
_ROOM = r"-([0-9]+(?:[号番]?[室棟館]|階|F(?:$|[^A-Za-z])).*)$"
#: What behind the numbers is a building, or care of someone. Anything else stays in the key.
_BUILDING = "[ァ-ヶー]{2}|[A-Za-z]|[荘寮館方室棟階邸苑園亭宅]|団地|宿舎|病院|会館|住居|建物"
#: What behind the numbers names another place, or no house at all; one letter alone is part of the number.
_NEARBY = rf"^(?:{_UNIT}|地?先|地?内|付近|隣|裏|横|無番地|番外|外[0-9]|[、，,・]|及ビ|[A-Za-z]$)"


@dataclass(frozen=True, kw_only=True)
class Parser:
    """The towns, the names that may stand in front, and the day whose 新旧対照 counts."""

    towns: Towns
    strip: tuple[str, ...]
    as_of: date | None

    def __call__(self, given: pl.Series) -> pl.Series:
        """A struct of ``text`` and ``code`` → a struct of :data:`PARTS`, row by row."""
        rows = _fold(given.struct.unnest())
        made = take_apart(rows, self._cut(rows))
        if self.as_of is not None and self.towns.changes:
            made = renamed(made, self.towns.changes, as_of=self.as_of, take_apart=self._undated)
        return _parts(made, self.towns).to_struct(given.name)

    def _undated(self, texts: Sequence[str], codes: Sequence[str]) -> pl.DataFrame:
        """Places before any 新旧対照: what its own rows are read with."""
        rows = pl.DataFrame({"text": texts, "code": codes}, schema=dict.fromkeys(("text", "code"), pl.String))
        folded = _fold(rows)
        return take_apart(folded, self._cut(folded))

    def _cut(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Per row ``skip`` (characters before the rest), ``town``, ``chome``, ``known``; town may be null."""
        heads = rows.select(
            "code", head=pl.col("folded").str.replace(f"{NUMBERS}.*$", "").str.slice(0, _REACH)
        )
        found = self._look_up(heads)
        unsure = found["town"].is_null() | found["longer"]
        missed = unsure & rows["folded"].is_not_null() & rows["code"].is_not_null()
        if not missed.any():
            return found
        whole = rows.select("code", head=pl.col("folded").str.slice(0, _REACH)).filter(missed)
        again = self._look_up(whole).with_columns(row=missed.arg_true())
        numbered = found.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
        return numbered.update(again, on="row", how="left").drop("row")

    def _look_up(self, heads: pl.DataFrame) -> pl.DataFrame:
        """Beginnings → the town that each starts with, once a distinct beginning."""
        known = find(heads.unique(), self.towns, strip=self.strip)
        found = heads.join(known, on=["code", "head"], how="left", maintain_order="left")
        return found.select("skip", "town", "chome", "longer", "known")


def _fold(given: pl.DataFrame) -> pl.DataFrame:
    """``text`` and ``code`` → ``folded`` and ``code``; a blank text is nothing."""
    folded = fold(given["text"]).alias("folded")
    return pl.DataFrame([folded.set(folded == "", None), given["code"]])


def take_apart(rows: pl.DataFrame, cut: pl.DataFrame) -> pl.DataFrame:
    """Folded addresses and where their towns end → code, town, rest, block, number, branch, building, known.

    What is written decides between 丁目 and 番地. Where it is bare hyphens, the first of several numbers is
    the 丁目 of a town that is divided. The key is the same either way.
    """
    rest = pl.col("folded").str.slice(pl.col("skip").fill_null(0)).str.strip_chars_start("-" + BORDER)
    said, denied = rest.str.contains("^[0-9]+丁目"), rest.str.contains("^[0-9]+番")
    bare = pl.col("chome") & ~denied
    told = rows.hstack(cut).lazy().select("code", "town", "chome", "known", rest=rest, said=said, bare=bare)
    laid = told.collect()
    numbered = hyphenate(laid["rest"]).str.strip_chars_end("-")
    laid = laid.with_columns(rest=where(numbered, _ROOM, _without_room))
    first = pl.col("said") | (pl.col("bare") & pl.col("rest").str.contains("^[0-9]{1,2}-"))
    laid = laid.with_columns(divided=pl.col("town").is_not_null() & first)
    if laid["divided"].any():
        chome, after = pl.col("rest").str.extract("^([0-9]+)"), pl.col("rest").str.replace("^[0-9]+-?", "")
        laid = laid.with_columns(
            town=pl.when("divided").then(joined(pl.col("town"), chome)).otherwise("town"),
            rest=pl.when("divided").then(after).otherwise("rest"),
        )
    return _numbers(laid)


def _without_room(rest: pl.Series) -> pl.Series:
    return rest.str.replace(_ROOM, BORDER + "${1}")


def _numbers(laid: pl.DataFrame) -> pl.DataFrame:
    """What follows the town, cut into its numbers and a building. Without a town nothing is cut off."""
    known = laid["town"].is_not_null()
    plain = known & laid["rest"].str.contains("^[0-9]+(?:-[0-9]+)*$")
    houses = pl.when(plain).then(pl.col("rest")).str.splitn("-", 3).struct.unnest()
    made = laid.select("code", "town", "known", "rest", houses).rename(
        {"field_0": "block", "field_1": "number", "field_2": "branch"}
    )
    made = made.with_columns(building=pl.lit(None, pl.String))
    odd = (~plain & laid["rest"].is_not_null()).arg_true()
    if not len(odd):
        return made
    read = _odd(made[odd])
    return made.with_columns(made[name].clone().scatter(odd, read[name]) for name in read.columns)


def _odd(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are more than a number after a town: rest, block, number, branch, building."""
    split = pl.col("rest").str.extract_groups(_SPLIT).struct
    found = rows.select("town", "rest", *(split[place].alias(name) for place, name in enumerate(_GROUPS)))
    letter = pl.col("letter").fill_null("")
    found = found.with_columns(
        before=pl.col("before").str.replace(f"^({_LETTER})(?:号|ノ部)$", "${1}").str.strip_chars_end("ノ-"),
        numbers=pl.col("numbers").str.replace_all(f"[-ノ]?({_LETTER})[-ノ]?", "${1}") + letter,
        after=pl.col("after").fill_null(""),
    )
    building = pl.col("after").str.contains(_BUILDING) & ~pl.col("after").str.contains(_NEARBY)
    town, kept = pl.col("town").is_not_null(), pl.col("rest").str.replace_all(f"[番号地]*-?{BORDER}", "-")
    found = found.with_columns(
        read=town & pl.col("numbers").is_not_null() & ((pl.col("after") == "") | building),
        none=town & (pl.col("rest") == "無番地"),
        whole=pl.col("before") + pl.col("numbers"),
        kept=pl.when(town).then(kept.str.replace_all("-([^0-9])", "${1}")).otherwise(kept),
        houses=pl.col("numbers").str.splitn("-", 3),
    )
    houses = pl.col("houses").struct
    return found.select(
        rest=pl.when("read").then("whole").otherwise("kept"),
        block=pl.when("read").then(pl.col("before") + houses[0]).when("none").then("rest"),
        number=pl.when("read").then(houses[1]),
        branch=pl.when("read").then(houses[2]),
        building=pl.when(pl.col("read") & (pl.col("after") != "")).then("after"),
    )


def _parts(made: pl.DataFrame, towns: Towns) -> pl.DataFrame:
    """The parts in their order, with the key that they make and how far the place was understood."""
    body = joined(pl.col("town").fill_null(""), pl.col("rest"))
    key = pl.when(body != "").then(pl.concat_str("code", pl.lit("|"), body))
    level = (
        pl.when(pl.col("rest").is_null())
        .then(None)
        .when(pl.col("town").is_not_null() & pl.col("building").is_not_null())
        .then(pl.lit("building"))
        .when(pl.col("number").is_not_null())
        .then(pl.lit("number"))
        .when(pl.col("block").is_not_null())
        .then(pl.lit("block"))
        .when(pl.col("town").is_not_null())
        .then(pl.lit("town"))
        .when(pl.col("known").fill_null(value=False))
        .then(pl.lit("municipality"))
        .otherwise(pl.lit("none"))
    )
    ids = towns.ids.lazy()
    told = made.lazy().with_columns(key=key, level=level)  # lazy: what two columns share is made once
    return told.join(ids, on=["code", "town"], how="left", maintain_order="left").select(PARTS).collect()

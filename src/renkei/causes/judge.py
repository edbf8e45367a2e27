"""Why two values differ: one of twelve classes for each pair, in bulk.

Folds, days and records are asked for whole columns at once; what is left over is looked at as distinct
pairs, for the marks that a machine or a slip of the hand leaves in a text.
"""

import polars as pl
import pyarrow as pa

from renkei.causes import damage, digits, forms
from renkei.causes.classes import NAMES
from renkei.causes.elsewhere import elsewhere
from renkei.causes.marks import spans
from renkei.causes.pairs import taken
from renkei.mapping import variants
from renkei.mapping.folds import SPACES, display, loose_key, strict_key

_PLACES = pl.List(pl.List(pl.Int32))
_FOUND = pl.Schema({"row": pl.UInt32, "class": pl.String, "kind": pl.String, "side": pl.String})

#: What :func:`classify` answers, a row for each pair in the order of the pairs.
ANSWER = pl.Schema(
    {
        "why": pl.String(),  # one of NAMES; null where the two values are one and the same
        "kind": pl.String(),  # how it came about: a word of KINDS
        "side": pl.String(),  # left or right: whose value it is about; null where it is about both
        "also": pl.List(pl.String),  # later classes that fit as well
        "left_marks": _PLACES,  # [start, end) in characters as a person counts them
        "right_marks": _PLACES,
    }
)
_SIDES = ("left", "right")
#: These explain the pair whole: no text is looked at for more.
_WHOLE = ("missing", "notation", "glyph")


def classify(rows: pa.Table | pl.DataFrame) -> pl.DataFrame:
    """Rows of :data:`renkei.causes.pairs.PAIRS` → rows of :data:`ANSWER`, in the same order.

    Every pair of two different values gets exactly one class. ValueError for a column that is unknown.
    """
    pairs = _read(taken(rows))
    found = pl.concat([_by_folds(pairs), elsewhere(pairs), _by_days(pairs)])
    done = found.filter(pl.col("class").is_in(_WHOLE))["row"].unique().implode()
    left_over = pairs.filter(_differ() & ~pl.col("row").is_in(done))
    found = pl.concat([found, _by_text(left_over), _real(pairs)])
    return _answer(pairs, _without_cut_readings(found))


def _read(pairs: pl.DataFrame) -> pl.DataFrame:
    """Rows numbered, each side with its fold, its loose fold and its day."""
    read = pairs.with_row_index("row").with_columns(form=forms.form_of(pl.col("field")))
    both = forms.folded(pl.concat([read.select("form", pl.col(side).alias("value")) for side in _SIDES]))
    halves = zip(_SIDES, (both.head(len(read)), both.tail(len(read))), strict=True)
    return read.with_columns(
        half[name].alias(f"{side}_{name}") for side, half in halves for name in ("fold", "loose", "day")
    )


def _differ() -> pl.Expr:
    return pl.col("left").fill_null("") != pl.col("right").fill_null("")


def _both(name: str) -> pl.Expr:
    """Equal on both sides."""
    return pl.col(f"left_{name}") == pl.col(f"right_{name}")


def _same(change: pl.Expr, other: pl.Expr) -> pl.Expr:
    return (change == other).fill_null(value=False)


def _by_folds(pairs: pl.DataFrame) -> pl.DataFrame:
    """missing, notation, glyph and reading, by one look at each column."""
    kinds = pairs.filter(_differ()).select(
        "row", _missing().alias("missing"), _notation().alias("notation"), _glyph().alias("glyph"),
        _reading().alias("reading"), _empty_side().alias("side"),
    )  # fmt: skip
    long = kinds.unpivot(index=["row", "side"], variable_name="class", value_name="kind").drop_nulls("kind")
    one_side = pl.when(pl.col("class") == "missing").then("side")
    return long.select("row", "class", "kind", one_side.alias("side")).cast(_FOUND)


def _is_empty(side: str) -> pl.Expr:
    fold = pl.col(f"{side}_fold")
    return (fold == "") | _is_placeholder(side)


def _is_placeholder(side: str) -> pl.Expr:
    """不詳, a hyphen: folded as text, for a number is folded to less."""
    return pl.col(f"{side}_fold").is_in(list(forms.PLACEHOLDERS))


def _missing() -> pl.Expr:
    one = _is_empty("left") != _is_empty("right")
    word = _is_placeholder("left") | _is_placeholder("right")
    return pl.when(one & word).then(pl.lit("placeholder")).when(one).then(pl.lit("empty"))


def _empty_side() -> pl.Expr:
    return pl.when(_is_empty("left")).then(pl.lit("left")).otherwise(pl.lit("right"))


def _selectors_differ() -> pl.Expr:
    return forms.selectors(pl.col("left")) != forms.selectors(pl.col("right"))


def _old_glyphs_differ() -> pl.Expr:
    of_address = pl.col("form") == "address"
    return of_address & (forms.old_glyphs(pl.col("left")) != forms.old_glyphs(pl.col("right")))


def _notation() -> pl.Expr:
    both_empty = _is_empty("left") & _is_empty("right")
    keys = _same(pl.col("left_key"), pl.col("right_key"))
    equal = (_both("fold") & ~_selectors_differ() & ~_old_glyphs_differ()) | both_empty
    return pl.when(equal).then(_kind_of_notation()).when(keys & ~_both("fold")).then(pl.lit("key"))


def _kind_of_notation() -> pl.Expr:
    spaceless = [pl.col(side).str.replace_many(dict.fromkeys(SPACES, "")) for side in _SIDES]
    shown = [display(each) for each in spaceless]
    by_form = {"address": "figures", "day": "era_writing", "number": "zeros"}
    return (
        pl.when(_same(*spaceless))
        .then(pl.lit("space"))
        .when(_same(*shown))
        .then(pl.lit("width"))
        .otherwise(pl.col("form").replace_strict(by_form, default="letters", return_dtype=pl.String))
    )


def _glyph() -> pl.Expr:
    filled = ~_is_empty("left") & ~_is_empty("right")
    drawn = _both("fold") & _selectors_differ()
    return pl.when(filled & drawn).then(pl.lit("selector")).when(filled & _both("loose")).then(_if_variant())


def _if_variant() -> pl.Expr:
    return pl.when(~_both("fold") | _old_glyphs_differ()).then(pl.lit("variant"))


def _reading() -> pl.Expr:
    """The names are the same (but for notation and glyph), and their readings are not."""
    written = _same(*(_one_name(pl.col(f"{side}_written")) for side in _SIDES))
    of_kana = (pl.col("form") == "kana") & ~_both("fold") & ~_is_empty("left") & ~_is_empty("right")
    sound = _same(*(_sound(pl.col(side)) for side in _SIDES))
    kind = pl.when(sound).then(pl.lit("sound")).otherwise(pl.lit("other_reading"))
    return pl.when(written & of_kana).then(kind)


def _one_name(text: pl.Expr) -> pl.Expr:
    return strict_key(text).str.replace_many(dict(variants.representatives()))


def _sound(text: pl.Expr) -> pl.Expr:
    return loose_key(text)


def _by_days(pairs: pl.DataFrame) -> pl.DataFrame:
    """A wrong era, and slips in the figures of a day; each distinct pair of days once."""
    days = pairs.filter(~_both("day")).select("row", "left_day", "right_day")
    distinct = days.select("left_day", "right_day").unique()
    era = pl.when(digits.wrong_era()).then(pl.lit("same_year"))
    judged = distinct.with_columns(era=era, transposed=digits.slip_of_day())
    long = days.join(judged, on=["left_day", "right_day"]).unpivot(
        index="row", on=["era", "transposed"], variable_name="class", value_name="kind"
    )
    return long.drop_nulls("kind").with_columns(side=pl.lit(None)).select(*_FOUND).cast(_FOUND)


#: What is known of a column's end, in the words of :class:`renkei.causes.damage.Written`.
_ENDS = ("chars", "units", "most", "most_in")
_TEXT_COLUMNS = (
    "form", "left", "right", "left_fold", "right_fold",
    *(f"{side}_{name}" for side in _SIDES for name in _ENDS),
)  # fmt: skip


def _by_text(pairs: pl.DataFrame) -> pl.DataFrame:
    """What damage and slips leave in a text: only for what is left over, each distinct pair once."""
    filled = pairs.filter(~_is_empty("left") & ~_is_empty("right") & ~(_both("day").is_not_null()))
    distinct = filled.select(_TEXT_COLUMNS).unique(maintain_order=True).with_row_index("pair")
    found = [
        (row["pair"], *each)
        for row in distinct.iter_rows(named=True)
        for each in _text_of(
            str(row["form"]),
            *(
                damage.Written(
                    raw=row[side], fold=row[f"{side}_fold"], **{name: row[f"{side}_{name}"] for name in _ENDS}
                )
                for side in _SIDES
            ),
        )
    ]
    judged = pl.DataFrame(
        found, schema={"pair": pl.UInt32, **dict.fromkeys(("class", "kind", "side"), pl.String)}, orient="row"
    )
    known = distinct.join(judged, on="pair")
    rows = filled.select("row", *_TEXT_COLUMNS).join(known, on=list(_TEXT_COLUMNS), nulls_equal=True)
    return rows.select(*_FOUND).cast(_FOUND)


def _text_of(form: str, left: damage.Written, right: damage.Written) -> list[tuple[str, str, str | None]]:
    """Class, kind and side of everything that fits two texts."""
    cut, garbled = damage.cut(left, right), damage.garbled(left, right)
    found: list[tuple[str, str, str | None]] = []
    if form in ("name", "address", "text") and variants.evidence(left.fold, right.fold) > 0:
        found.append(("glyph", "weak", None))
    if cut:
        found.append(("truncated", *cut))
    if garbled:
        found.append(("garbled", *garbled))
    slip = digits.slip_of_figures(left.fold, right.fold)
    if slip:
        found.append(("transposed", slip, None))
    return found


def _real(pairs: pl.DataFrame) -> pl.DataFrame:
    """What every pair of different values is when nothing else fits."""
    rows = pairs.filter(_differ()).select("row")
    nothing = (pl.lit(None, pl.String).alias(name) for name in ("kind", "side"))
    return rows.select("row", pl.lit("real").alias("class"), *nothing).cast(_FOUND)


def _without_cut_readings(found: pl.DataFrame) -> pl.DataFrame:
    """A reading that its column has cut, or that was read wrongly, is no other reading."""
    cut = (pl.col("class") == "truncated") & (pl.col("kind") != "no_width")
    damaged = found.filter(cut | (pl.col("class") == "garbled"))["row"].unique().implode()
    return found.filter((pl.col("class") != "reading") | ~pl.col("row").is_in(damaged))


def _answer(pairs: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The first class of each row, the later ones beside it."""
    place = pl.col("class").replace_strict({name: at for at, name in enumerate(NAMES)}, return_dtype=pl.Int32)
    ordered = found.with_columns(place=place).sort(
        "row", "place", pl.col("kind").is_null(), maintain_order=True
    )
    first = ordered.group_by("row", maintain_order=True).agg(
        pl.col("class").first().alias("why"), pl.col("kind").first(), _whose(),
        pl.col("class").unique(maintain_order=True).alias("every"),
    )  # fmt: skip
    later = pl.col("every").list.slice(1).list.set_difference(["real"]).list.eval(_in_order())
    chosen = pairs.select("row", "left", "right").join(
        first.with_columns(also=later), on="row", how="left", maintain_order="left"
    )
    return _marked(chosen).select(*ANSWER).cast(ANSWER)


def _whose() -> pl.Expr:
    """The side of the first class and kind; none where both sides fit."""
    same = (pl.col("class") == pl.col("class").first()) & (pl.col("kind").eq_missing(pl.col("kind").first()))
    sides = pl.col("side").filter(same).drop_nulls().unique()
    return pl.when(sides.len() == 1).then(sides.first()).alias("side")


def _in_order() -> pl.Expr:
    return pl.element().sort_by(
        pl.element().replace_strict({name: at for at, name in enumerate(NAMES)}, return_dtype=pl.Int32)
    )


def _marked(chosen: pl.DataFrame) -> pl.DataFrame:
    """The places that differ, each distinct pair once; none where a side is missing."""
    asked = chosen.filter(pl.col("why") != "missing").select("left", "right").unique(maintain_order=True)
    made = [spans(left or "", right or "") for left, right in asked.iter_rows()]
    places = asked.with_columns(
        _nested(pl.Series(f"{side}_marks", [_listed(both[at]) for both in made], dtype=pl.String))
        for at, side in enumerate(_SIDES)
    )
    return chosen.join(places, on=["left", "right"], how="left", nulls_equal=True, maintain_order="left")


def _listed(places: tuple[tuple[int, int], ...]) -> str:
    """``0-2,5-6``: a text for each pair, which becomes numbers all at once."""
    return ",".join(f"{start}-{end}" for start, end in places)


def _nested(listed: pl.Series) -> pl.Series:
    numbers = listed.str.split(",").list.eval(
        pl.element().filter(pl.element() != "").str.split("-").cast(pl.List(pl.Int32))
    )
    return numbers.cast(_PLACES)

"""Who was linked to whom, read from the registry of the labelled city, and judged by the truth."""

from functools import partial

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from bench.child import Done, Runs
from bench.desk import Desk
from bench.hub import root
from bench.tasks import quality
from bench.tasks.labelled_city import truth_of
from renkei.likeness import columns, pairs, propose
from renkei.likeness.model import default
from renkei.likeness.score import estimate
from renkei.registry import store

#: Candidates are looked for as far down as this, to draw the whole curve.
LEAST = 0.001
#: Wrong proposals that look as likely as this are told by their kind.
LIKELY = 0.9
#: The budget of a measurement: it asks how long many pairs take, not whether they are too many.
BUDGET = 2_000_000_000
_LINKS = """
    SELECT split_part(feed, '.', 1) AS system, source_key AS key, resident_id AS resident, rule
    FROM open_link
"""


def links(desk: Desk) -> Runs:
    """Automatic links, levels 1 and 2: precision and recall of pairs, wrong ones by kind."""
    yield partial(_links, desk)


def _links(desk: Desk) -> Done:
    linked = judged(desk)
    facts = quality.links(linked)
    facts["rules"] = dict(linked.group_by("rule").len().sort("rule").rows())
    return Done(rows=linked.height, facts=facts)


def judged(desk: Desk) -> pl.DataFrame:
    """Every record with its resident, the rule that led there, and who it is in truth."""
    truth = pl.read_parquet(truth_of(desk))
    linked = pl.DataFrame(_table(desk, _LINKS), schema_overrides={"resident": pl.Int64})
    return linked.join(truth, on=["system", "key"], how="inner", validate="1:1")


def _table(desk: Desk, query: str) -> pa.Table:
    engine = store.connect(store.url_of(root(desk) / "var"))
    with engine.connect() as connection:
        rows = connection.execute(sa.text(query)).mappings()
        names = list(rows.keys())
        found = [tuple(row.values()) for row in rows]
    engine.dispose()
    columns_ = list(zip(*found, strict=True)) if found else [[] for _ in names]
    return pa.table(dict(zip(names, map(pa.array, columns_), strict=True)))


def present(desk: Desk) -> pa.Table:
    """The present records with their residents, as level 3 takes them."""
    names = ", ".join(f"p.{name}" for name in ("feed", "source_key", "content_hash", *columns.COMPARED))
    query = f"""
        SELECT l.resident_id, {names}
        FROM open_link AS l
        JOIN person_record AS p ON p.feed = l.feed AND p.source_key = l.source_key
        WHERE p.known_to IS NULL AND NOT p.removed
    """
    return _table(desk, query).select(columns.SCHEMA.names).cast(columns.SCHEMA)


def candidates(desk: Desk) -> Runs:
    """What level 3 proposes of the residents that the rules left apart."""
    yield partial(_candidates, desk)


def _candidates(desk: Desk) -> Done:
    linked, table = judged(desk), present(desk)
    split = linked.select("person", "resident").unique()
    both = split.join(split, on="person", suffix="_other").filter(
        pl.col("resident") > pl.col("resident_other")
    )
    true = both.select(pl.col("resident").alias("younger_id"), pl.col("resident_other").alias("resident_id"))
    true = true.unique().with_columns(is_right=pl.lit(value=True))
    made = pl.DataFrame(propose(table, default(), budget=BUDGET, least=LEAST))
    told = made.join(true, on=["younger_id", "resident_id"], how="left", maintain_order="left")
    proposed = told.with_columns(pl.col("is_right").fill_null(value=False))
    facts = quality.candidates(proposed, true=true.height)
    counted = estimate(table, default())
    facts["pairs"] = {"estimated": counted.pairs, **dict(counted.rules)}
    facts["missed_by_kind"] = _missed(linked, true, proposed)
    facts["wrong_by_kind"] = _mistaken(linked, proposed.filter(~pl.col("is_right")))
    return Done(rows=table.num_rows, facts=facts)


def _missed(linked: pl.DataFrame, true: pl.DataFrame, proposed: pl.DataFrame) -> dict[str, int]:
    """Kinds of the records of residents whose pair nobody proposed."""
    missed = true.join(proposed, on=["younger_id", "resident_id"], how="anti")
    kinds = missed.join(linked, left_on="younger_id", right_on="resident").select(
        pl.when(pl.col("kinds") == "")
        .then(pl.lit(quality.ORDINARY))
        .otherwise("kinds")
        .str.split(" ")
        .alias("kind")
    )
    return dict(
        kinds.explode("kind").group_by("kind").len().sort("len", "kind", descending=[True, False]).rows()
    )


def _mistaken(linked: pl.DataFrame, wrong: pl.DataFrame) -> dict[str, int]:
    """Proposals of two people from :data:`LIKELY` on, by what sets either record apart."""
    kinds = linked.select(pl.concat_str("system", "key", separator=":").alias("record"), "kinds")
    sides = (("feed", "source_key"), ("other_feed", "other_key"))
    named = wrong.filter(pl.col("probability") >= LIKELY).select(
        pl.concat_str(pl.col(feed).str.split(".").list.first(), key, separator=":").alias(f"record_{place}")
        for place, (feed, key) in enumerate(sides)
    )
    for place in range(len(sides)):
        told = kinds.rename({"record": f"record_{place}", "kinds": f"kinds_{place}"})
        named = named.join(told, on=f"record_{place}", how="left")
    words = pl.concat_str("kinds_0", "kinds_1", separator=" ").str.strip_chars().str.split(" ")
    whole = words.list.unique().list.sort().list.join("+")
    counted = named.select(pl.when(whole == "").then(pl.lit(quality.ORDINARY)).otherwise(whole).alias("kind"))
    return dict(counted.group_by("kind").len().sort("len", "kind", descending=[True, False]).rows())


# speed of level 3 ---------------------------------------------------------------------------------


def level_3(desk: Desk) -> Runs:
    """The likely pairs of all residents, with the model that ships."""
    table = present(desk)
    counted = estimate(table, default())
    while True:
        yield partial(_level_3, table, counted)


def _level_3(table: pa.Table, counted: pairs.Estimate) -> Done:
    proposed = propose(table, default(), budget=BUDGET, memory="4GB")
    facts = {"pairs": counted.pairs, "compared_rows": counted.rows, "proposed": proposed.num_rows}
    return Done(rows=table.num_rows, facts=facts)

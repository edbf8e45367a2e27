"""A pack of rules lies unchanged in a city whose feeds have other names; one small table says which is which."""

import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.reconcile.support import AS_OF, ROOT, RULE, TERMS

from renkei.engine.duck import DuckEngine
from renkei.errors import FixDeclaration
from renkei.reconcile import FeedTerms, load_rulebook, load_rules
from renkei.reconcile.example import table_of
from renkei.reconcile.find import find
from renkei.reconcile.rehearse import rehearse
from renkei.reconcile.relation import LINK_SCHEMA, Source, columns_of
from renkei.reconcile.rule import Rulebook
from renkei.snapshot import Snapshot

NIGHT = timedelta(hours=26)
#: Another city: one system for the register and the tax, another for welfare, nothing on benefits.
OTHER = {
    "jumin.person": FeedTerms(record="person", lag=timedelta(hours=1)),
    "zei.payer": FeedTerms(record="person", lag=NIGHT),
    "zei.levy": FeedTerms(record="tax", lag=NIGHT),
    "fukushi.person": FeedTerms(record="person", lag=NIGHT),
}
FEEDS = """\
[feeds]
"juki.resident" = "jumin.person"
"tax.taxpayer" = "zei.payer"
"tax.assessment" = "zei.levy"
"welfare.recipient" = "fukushi.person"
"""


def folder_of(place: Path, *, city: str = FEEDS, own: str | None = None) -> Path:
    """A folder of rules that carries a copy of this city's, as its giver wrote them."""
    pack = place / "reconciliation" / "packs" / "kuzuhara"
    pack.mkdir(parents=True)
    for rule in ("R06", "R10", "R15", "R22"):
        (file,) = (ROOT / "reconciliation").glob(f"{rule}_*.toml")
        shutil.copyfile(file, pack / file.name)
    if city:
        (pack.parents[1] / "city.toml").write_text(city, "utf-8")
    if own:
        (pack.parents[1] / "R90_own.toml").write_text(own, "utf-8")
    return pack.parents[1]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Rulebook:
    return load_rulebook(folder_of(tmp_path_factory.mktemp("other")), terms=OTHER)


def problems_of(folder: Path) -> list[str]:
    with pytest.raises(FixDeclaration) as refused:
        load_rules(folder, terms=OTHER)
    return str(refused.value.facts["problems"]).splitlines()


def test_the_rules_of_a_pack_read_the_feeds_of_this_city(book: Rulebook) -> None:
    rule = next(rule for rule in book.rules if rule.id == "R10")

    assert rule.compare == ("jumin.person", "zei.payer", "fukushi.person")
    assert rule.file == "packs/kuzuhara/R10_address_differs.toml"
    assert "juki" not in rule.query
    assert "tax." not in rule.query


def test_its_own_little_tables_hold_under_the_names_of_this_city(book: Rulebook) -> None:
    rule = next(rule for rule in book.rules if rule.id == "R10")

    for example in (rule.must_find[0], rule.must_not_find[0]):
        with DuckEngine(threads=1) as engine:
            assert rehearse(engine, rule, example, terms=OTHER).is_right


def test_a_planted_difference_is_found_in_a_city_with_other_feeds(book: Rulebook, tmp_path: Path) -> None:
    tables = {
        "jumin.person": "source_key | resident_status | address_key | address_since\nJ1 | resident | 本町1 | 2026-11-01",
        "zei.payer": "source_key | resident_status | address_key\nT1 | resident | 新町5",
        "fukushi.person": "source_key | resident_status | address_key\nF1 | resident | 本町1",
    }
    sources = [_source(tmp_path, feed, tables.get(feed, "as_of")) for feed in OTHER]
    links = [("jumin.person", "J1", 1), ("zei.payer", "T1", 1), ("fukushi.person", "F1", 1)]
    columns = dict(
        zip(("feed", "source_key", "resident_id"), map(list, zip(*links, strict=True)), strict=True)
    )

    with DuckEngine(threads=1) as engine:
        found = find(
            engine, [rule for rule in book.rules if rule.id == "R10"], sources=sources,
            links=pa.Table.from_pydict(columns, schema=LINK_SCHEMA), hub={}, as_of=AS_OF,
        )  # fmt: skip

    rows = found.mismatches.select(
        ["rule_id", "left_feed", "left_key", "right_feed", "right_key"]
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [("R10", "jumin.person", "J1", "zei.payer", "T1")]


def _source(folder: Path, feed: str, text: str) -> Source:
    import pyarrow.parquet as pq

    place, terms = folder / f"{feed}.parquet", OTHER[feed]
    rows = table_of(text, columns_of(terms.record), as_of=AS_OF).drop_columns(["resident_id", "as_of"])
    pq.write_table(rows, place)
    return Source(feed=feed, terms=terms, snapshot=Snapshot(whole=place), as_of=AS_OF)


def test_a_rule_of_a_pack_without_its_feeds_is_not_for_this_city_and_no_error(book: Rulebook) -> None:
    (missing,) = book.not_here

    assert missing.rule_id == "R22"
    assert missing.wants == ("welfare.benefit",)
    assert "R22" not in {rule.id for rule in book.rules}


def test_the_same_gap_in_a_rule_of_the_city_s_own_is_an_error(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, own=RULE)

    assert any("R90_own.toml" in each and "a feed of this city" in each for each in problems_of(folder))


def test_without_the_table_every_rule_of_the_pack_is_not_for_this_city(tmp_path: Path) -> None:
    book = load_rulebook(folder_of(tmp_path, city=""), terms=OTHER)

    assert (book.rules, len(book.not_here)) == ((), 4)


def test_the_city_that_wrote_the_rules_reads_them_the_same_as_a_pack(tmp_path: Path) -> None:
    packed = load_rulebook(folder_of(tmp_path, city=""), terms=TERMS)
    own = {rule.id: rule for rule in load_rules(ROOT / "reconciliation")}

    assert [rule.digest for rule in packed.rules] == [own[rule.id].digest for rule in packed.rules]
    assert packed.not_here == ()


def test_names_are_exchanged_at_once_so_that_two_may_change_places(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, city='[feeds]\n"juki.resident" = "tax.taxpayer"\n"tax.taxpayer" = "juki.resident"\n'
    )

    rule = next(rule for rule in load_rules(folder, terms=TERMS) if rule.id == "R10")

    assert rule.compare == ("tax.taxpayer", "juki.resident", "welfare.recipient")


@pytest.mark.parametrize(
    ("city", "told"),
    [
        (FEEDS.replace("zei.payer", "zei.payr"), "city.toml:3: expected a feed of this city, found zei.payr (nearest name: zei.payer)"),
        (FEEDS + "[most]\nR77 = {share = 0.2, reason = \"x\"}\n", "expected a rule of this city, found R77"),
        (FEEDS + "[most]\nR10 = {share = 0.2}\n", "the key reason"),
        (FEEDS + "[most]\nR10 = {share = 2, reason = \"x\"}\n", "most.R10.share"),
        (FEEDS + "[more]\n", "a known key"),
        ("[feeds\n", "TOML in UTF-8"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused_at_its_line(tmp_path: Path, city: str, told: str) -> None:
    problems = problems_of(folder_of(tmp_path, city=city))

    assert any(told in each for each in problems), problems


def test_a_share_let_through_with_its_reason_counts_for_that_rule_alone(tmp_path: Path) -> None:
    city = FEEDS + '[most]\nR10 = {share = 0.2, reason = "区画整理の年"}\n'

    shares = {rule.id: rule.most for rule in load_rules(folder_of(tmp_path, city=city), terms=OTHER)}

    assert (shares["R10"], shares["R15"]) == (0.2, 0.05)


def test_an_id_that_a_pack_and_the_city_claim_is_refused(tmp_path: Path) -> None:
    (ours,) = (ROOT / "reconciliation").glob("R15_*.toml")
    folder = folder_of(tmp_path)
    text = ours.read_text("utf-8")
    for role, feed in (
        ("juki.resident", "jumin.person"),
        ("tax.taxpayer", "zei.payer"),
        ("welfare.recipient", "fukushi.person"),
    ):
        text = text.replace(role, feed)
    (folder / ours.name).write_text(text, "utf-8")

    problems = problems_of(folder)

    assert [each.split(":")[0] for each in problems] == [ours.name, f"packs/kuzuhara/{ours.name}"]

"""The table of kanji that are written for one another: what is in it, and what it is worth."""

import unicodedata
from collections.abc import Callable

import polars as pl
import pytest

from renkei.mapping import variants
from renkei.mapping.folds import loose_key, strict_key

#: Blocks of kanji that the administrative character set (MJ) draws from, beside JIS X 0213.
BLOCKS = ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))


def key(fold: Callable[[pl.Expr], pl.Expr], name: str) -> object:
    return pl.DataFrame({"n": [name]}).select(fold(pl.col("n"))).item()


def characters() -> list[str]:
    return [char for pair in variants.pairs() for char in (pair.one, pair.other)]


def test_the_table_is_whole() -> None:
    pairs = variants.pairs()

    assert len(pairs) >= 480
    assert len({frozenset((pair.one, pair.other)) for pair in pairs}) == len(pairs)
    assert all(pair.one != pair.other for pair in pairs)
    assert all(0 < pair.weight < 1 for pair in pairs)


def test_every_character_is_one_kanji_that_a_registry_may_hold() -> None:
    for char in characters():
        assert len(char) == 1
        assert any(first <= ord(char) <= last for first, last in BLOCKS), char


def test_a_character_that_normalizing_would_change_is_written_by_its_number() -> None:
    text = variants._TABLE.read_text("utf-8")

    assert unicodedata.normalize("NFC", text) == text
    assert "U+FA19" in text


def test_a_shape_weighs_more_than_another_character() -> None:
    weights: dict[str, list[float]] = {"shape": [], "printed": [], "exchanged": []}
    for pair in variants.pairs():
        weights[pair.kind].append(pair.weight)

    assert min(weights["shape"]) > max(weights["printed"]) >= min(weights["printed"])
    assert min(weights["printed"]) > sum(weights["exchanged"]) / len(weights["exchanged"])


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("髙橋一郎", "高橋一郎", 0.9, 1.0),
        ("渡邊", "渡邉", 0.9, 1.0),
        ("齋藤", "斎藤", 0.85, 0.95),
        ("斎藤", "斉藤", 0.5, 0.7),
        ("坂本", "阪本", 0.3, 0.45),
        ("渡邊惠子", "渡辺恵子", 0.7, 0.9),
        ("山田", "山田", 1.0, 1.0),
        ("山田", "山本", 0.0, 0.0),
        ("山田太郎", "山田太", 0.0, 0.0),
    ],
)
def test_what_two_spellings_say_of_one_person(one: str, other: str, least: float, most: float) -> None:
    assert least <= variants.evidence(one, other) <= most
    assert variants.evidence(one, other) == variants.evidence(other, one)


def test_no_pair_is_equality_and_every_pair_stays_apart_in_the_strict_key() -> None:
    for pair in variants.pairs():
        assert variants.evidence(pair.one, pair.other) < 1
    both = [(pair.one, pair.other) for pair in variants.pairs()]
    frame = pl.DataFrame(both, schema=["one", "other"], orient="row")
    apart = frame.select(strict_key(pl.col("one")).ne(strict_key(pl.col("other"))))

    assert apart.to_series().all()


def compatibility_kanji_of_the_code_page() -> list[str]:
    found = [
        bytes([lead, trail]).decode("cp932", "ignore")
        for lead in range(0xFA, 0xFD)
        for trail in range(0x40, 0xFD)
    ]
    return [char for char in found if len(char) == 1 and unicodedata.normalize("NFC", char) != char]


@pytest.mark.parametrize("char", compatibility_kanji_of_the_code_page(), ids=lambda char: f"U+{ord(char):X}")
def test_a_compatibility_kanji_of_the_code_page_is_paired_and_stays_itself(char: str) -> None:
    plain = unicodedata.normalize("NFC", char)

    assert variants.evidence(char, plain) > 0.9
    assert key(strict_key, char) == char
    assert key(loose_key, char) == key(loose_key, plain)


def test_the_code_page_has_the_twenty_two_of_them() -> None:
    assert len(compatibility_kanji_of_the_code_page()) == 22


def test_a_class_stays_small_and_its_everyday_character_stands_for_it() -> None:
    representatives = variants.representatives()

    assert max(map(len, variants.classes())) <= 6
    assert sum(map(len, variants.classes())) == len(set().union(*variants.classes()))
    assert not set(representatives.values()) & set(representatives)
    assert [representatives[char] for char in "髙﨑邉齋斉濵嶋嶌澤"] == list("高崎辺斎斎浜島島沢")


def test_light_pairs_are_evidence_and_no_search() -> None:
    assert variants.evidence("坂", "阪") > 0
    assert key(loose_key, "坂本") != key(loose_key, "阪本")

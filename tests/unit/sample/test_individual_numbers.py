"""Individual numbers stand in the files of a city that has them, and in no other."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.sample.conftest import DAY

from renkei_sample.individual_numbers import number_of
from renkei_sample.legacy.nightly import contents
from renkei_sample.numbered import replace_once
from renkei_sample.state import CityState


def plain(city: CityState) -> CityState:
    return replace(city, extras=frozenset(), anomalies=[])


def test_a_city_that_was_not_asked_to_writes_no_number(planted: CityState) -> None:
    with_numbers, without = contents(planted), contents(plain(planted))

    (first, *_) = planted.taxpayers.values()
    number = number_of(planted, first)
    assert number.encode() in with_numbers["tax.taxpayer"]
    assert number.encode() not in without["tax.taxpayer"]
    assert "個人番号".encode() in with_numbers["welfare.recipient"]
    assert "個人番号".encode() not in without["welfare.recipient"]
    assert len(with_numbers["tax.taxpayer"]) == len(without["tax.taxpayer"])


def test_whoever_is_nobody_of_the_registry_has_no_number(planted: CityState) -> None:
    outsiders = [row for row in planted.taxpayers.values() if row.atena_kbn == "2"]
    strangers = [row for row in planted.taxpayers.values() if row.atena_no in planted.strangers]

    assert outsiders
    assert strangers
    assert {number_of(planted, row) for row in (*outsiders, *strangers)} == {""}


def test_each_way_to_be_wrong_is_planted_and_every_other_number_is_its_persons_own(
    planted: CityState,
) -> None:
    kinds = Counter(truth.klass for truth in planted.ledger.due(DAY) if truth.rule_id == "R18")
    named = {truth.right_key for truth in planted.ledger.truths if truth.rule_id == "R18"}

    others = [row for row in planted.taxpayers.values() if row.atena_no not in named and row.atena_kbn == "1"]

    assert set(kinds) == {"shared", "shared_in_household", "not_carried"}
    assert all(
        number_of(planted, row) in ("", number_of(planted, planted.residents[row.atena_no])) for row in others
    )


def test_a_declaration_that_is_not_the_citys_own_is_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "renkei.toml"
    file.write_text("a\na\n", encoding="utf-8")

    with pytest.raises(ValueError, match="2 times"):
        replace_once(file, "a\n", "b\n")

    assert file.read_text(encoding="utf-8") == "a\na\n"

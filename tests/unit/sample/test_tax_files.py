from dataclasses import replace

import pytest
from tests.unit.sample.conftest import DAY

from renkei_sample.legacy.tax_files import assessment_file, taxpayer_file, to_cp932
from renkei_sample.state import CityState


def records(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def test_a_taxpayer_file_is_whole_records_of_420_bytes_between_header_and_trailer(planted: CityState) -> None:
    rows = list(planted.taxpayers.values())

    found = records(taxpayer_file(rows, day=DAY, generation=7), 420)

    assert [record[:1] for record in (found[0], found[1], found[-1])] == [b"1", b"2", b"8"]
    assert all(len(record) == 420 for record in found)
    assert found[0][:27] == b"1ZEIMU   202611202000000007"
    assert len(found) == len(rows) + 2


def test_the_trailer_counts_the_records_and_sums_their_numbers(planted: CityState) -> None:
    found = records(taxpayer_file(list(planted.taxpayers.values()), day=DAY, generation=1), 420)

    data = found[1:-1]
    assert int(found[-1][1:9]) == len(data)
    assert int(found[-1][9:24]) == sum(int(record[1:11]) for record in data) % 10**15


def test_a_broken_file_differs_in_nothing_but_the_count_of_its_trailer(planted: CityState) -> None:
    rows = list(planted.taxpayers.values())
    whole = taxpayer_file(rows, day=DAY, generation=1)
    broken = taxpayer_file(rows, day=DAY, generation=1, stated=len(rows) + 1)

    assert broken[:-420] == whole[:-420]
    assert int(broken[-419:-411]) == len(rows) + 1


def test_the_assessment_trailer_sums_the_tax_of_the_year(planted: CityState) -> None:
    rows = list(planted.assessments.values())

    found = records(assessment_file(rows, day=DAY, generation=1), 300)

    assert int(found[-1][9:24]) == sum(int(record[184:195]) for record in found[1:-1])
    assert int(found[-1][9:24]) == sum(row.nenzei for row in rows)


def test_ladder_taka_is_written_as_the_vendor_writes_it_and_not_as_python_would() -> None:
    assert to_cp932("髙﨑") == bytes.fromhex("fbfcfab1")
    assert "髙".encode("cp932") == bytes.fromhex("eee0")


def test_a_character_outside_cp932_stops_the_file(planted: CityState) -> None:
    row = replace(next(iter(planted.taxpayers.values())), shimei="𠮷田　花子")

    with pytest.raises(ValueError, match="no place in CP932"):
        taxpayer_file([row], day=DAY, generation=1)


def test_a_value_that_does_not_fit_its_column_stops_the_file(planted: CityState) -> None:
    row = replace(next(iter(planted.taxpayers.values())), jusho="長" * 51)

    with pytest.raises(ValueError, match="did not fit"):
        taxpayer_file([row], day=DAY, generation=1)


def test_full_width_columns_are_padded_with_the_full_width_space(planted: CityState) -> None:
    row = replace(next(iter(planted.taxpayers.values())), shimei="関　一")

    record = records(taxpayer_file([row], day=DAY, generation=1), 420)[1]

    assert record[12:72] == "関　一".encode("cp932") + b"\x81\x40" * 27

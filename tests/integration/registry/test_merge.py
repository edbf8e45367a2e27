"""Merging, linking and the golden record on a real registry."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from renkei.model import REJECT_SCHEMA, Mapped
from renkei.records import PERSON
from renkei.registry import golden, merge
from renkei.registry.difference import Difference, Present, compare
from renkei.snapshot import Snapshot

DAY = date(2026, 11, 20)
NEXT = date(2026, 11, 21)
NOW = datetime(2026, 11, 20, 21, tzinfo=UTC)


def person(key: str, **values) -> dict:
    defaults = {
        "source_key": key, "source_version": "1", "valid_from": DAY, "numbering": "resident", "party_number": key,
        "full_name": "山田太郎", "name_key": "山田太郎", "full_name_kana": "ヤマダタロウ", "kana_key": "ヤマダタロウ",
        "sex": "1", "date_of_birth": date(1980, 4, 1), "date_of_birth_raw": "19800401",
        "date_of_birth_lo": date(1980, 4, 1), "date_of_birth_hi": date(1980, 4, 1), "resident_status": "resident",
        "address": "本町1-2", "address_key": "132993本町1-2", "match_key": f"k{key}", "household_number": "H1",
        "relationship": "head", "is_household_head": True, "protected": "none",
    }  # fmt: skip
    return {**defaults, **values}


def mapped(*people: dict, feed: str = "juki.resident") -> Mapped:
    rows = [
        {name: row.get(name) for name in PERSON.schema.names} | {"__rec_no": number}
        for number, row in enumerate(people, 1)
    ]
    return Mapped(
        feed=feed, record="person", records=pa.Table.from_pylist(rows, schema=PERSON.schema),
        rejects=REJECT_SCHEMA.empty_table(), mapping_digest="d",
    )  # fmt: skip


def take(
    registry: sa.Engine,
    difference: Difference,
    *,
    feed: str = "juki.resident",
    refuse: bool = True,
    trust: dict[str, tuple[str, ...]] | None = None,
    now: datetime = NOW,
) -> int:
    with registry.begin() as connection:
        unit_id = connection.execute(
            sa.text("SELECT nextval(pg_get_serial_sequence('unit', 'unit_id'))")
        ).scalar_one()
        connection.exec_driver_sql("SET session_replication_role = replica")  # these tests write no unit rows
        merge.absorb(
            connection, difference,
            merge.UnitOfWork(
                feed=feed, record="person", unit_id=unit_id, delivery_id=1, as_of=DAY,
                now=now, trust=dict.fromkeys(golden.GROUPS, ("juki", "tax", "welfare")) | (trust or {}), refuse_contradictions=refuse,
            ),
        )  # fmt: skip
    return unit_id


def first(*people: dict, feed: str = "juki.resident") -> Difference:
    return compare(mapped(*people, feed=feed), Present(), as_of=DAY)


def residents(registry: sa.Engine) -> list[set[str]]:
    with registry.connect() as connection:
        rows = connection.execute(
            sa.text("""
                SELECT array_agg(feed || ':' || source_key ORDER BY feed, source_key)
                FROM open_link GROUP BY resident_id ORDER BY 1
            """)
        )
        return [set(row[0]) for row in rows]


def open_golden(registry: sa.Engine) -> list[sa.RowMapping]:
    with registry.connect() as connection:
        query = sa.text("""
            SELECT g.*, r.body AS rules FROM golden_version AS g JOIN golden_rule AS r USING (golden_rule_id)
            WHERE known_to IS NULL ORDER BY resident_id
        """)
        return list(connection.execute(query).mappings())


def test_an_equal_number_in_one_numbering_is_one_resident(registry: sa.Engine) -> None:
    take(registry, first(person("1"), person("2")))

    take(registry, first(person("1", address="旧町9"), feed="tax.taxpayer"), feed="tax.taxpayer")

    assert residents(registry) == [{"juki.resident:1", "tax.taxpayer:1"}, {"juki.resident:2"}]


def test_an_equal_number_with_another_birth_date_and_name_is_never_joined(registry: sa.Engine) -> None:
    stranger = person(
        "1", name_key="佐藤花子", kana_key="サトウハナコ", date_of_birth_lo=date(1999, 1, 1),
        date_of_birth_hi=date(1999, 1, 1), match_key="other",
    )  # fmt: skip
    take(registry, first(person("1")))

    take(registry, first(stranger, feed="tax.taxpayer"), feed="tax.taxpayer")

    assert len(residents(registry)) == 2
    with registry.connect() as connection:
        assert connection.execute(sa.text("SELECT reason FROM link_candidate")).scalars().all() == [
            "number_contradicted"
        ]


def test_a_common_name_in_one_system_does_not_contradict_the_real_name_in_another(
    registry: sa.Engine,
) -> None:
    real = person("1", name_key="TRANVANAN", kana_key="チャンヴァンアン", common_name_key="山本安")
    shown = person(
        "1",
        name_key="山本安",
        kana_key="ヤマモトアン",
        date_of_birth_lo=date(1980, 4, 4),
        date_of_birth_hi=date(1980, 4, 4),
    )
    take(registry, first(real))

    take(registry, first(shown, feed="tax.taxpayer"), feed="tax.taxpayer")

    assert len(residents(registry)) == 1


def test_without_the_contradiction_guard_the_stranger_would_be_joined(registry: sa.Engine) -> None:
    stranger = person("1", name_key="佐藤花子", kana_key="サトウハナコ", date_of_birth_lo=date(1999, 1, 1),
                      date_of_birth_hi=date(1999, 1, 1), match_key="other")  # fmt: skip
    take(registry, first(person("1")))

    take(registry, first(stranger, feed="tax.taxpayer"), feed="tax.taxpayer", refuse=False)

    assert len(residents(registry)) == 1


def test_all_four_attributes_equal_link_a_record_without_a_number(registry: sa.Engine) -> None:
    take(registry, first(person("1", match_key="same")))

    numberless = person("F1", numbering=None, party_number=None, match_key="same")
    take(registry, first(numberless, feed="welfare.recipient"), feed="welfare.recipient")

    assert residents(registry) == [{"juki.resident:1", "welfare.recipient:F1"}]


def test_name_and_birth_date_alone_never_join(registry: sa.Engine) -> None:
    take(registry, first(person("1", match_key=None)))

    take(registry, first(person("F1", numbering=None, party_number=None, match_key=None), feed="welfare.recipient"),
         feed="welfare.recipient")  # fmt: skip

    assert len(residents(registry)) == 2


def test_the_order_of_systems_does_not_change_who_is_one_person(registry: sa.Engine) -> None:
    numberless = first(
        person("F1", numbering=None, party_number=None, match_key="same"), feed="welfare.recipient"
    )
    other_number = first(
        person("1", match_key="same"), person("N9", numbering="tax.non_registered", match_key="same"),
        feed="tax.taxpayer",
    )  # fmt: skip

    take(registry, numberless, feed="welfare.recipient")
    take(registry, other_number, feed="tax.taxpayer")
    take(registry, first(person("1", match_key="same")))

    assert len(residents(registry)) == 1


def test_the_golden_record_takes_each_group_from_the_most_trusted_system(registry: sa.Engine) -> None:
    take(
        registry,
        first(person("1", full_name="税の名", address="税の町"), feed="tax.taxpayer"),
        feed="tax.taxpayer",
    )
    take(registry, first(person("1", address=None, address_key=None)))

    (record,) = open_golden(registry)

    assert (record["full_name"], record["address"]) == ("山田太郎", "税の町")
    assert record["rules"]["address"] == "trust:juki>tax>welfare"


def test_a_feed_that_its_mapping_ranks_wins_before_the_citys_order(registry: sa.Engine) -> None:
    ranked = {"address": ("tax.taxpayer", "juki", "tax", "welfare")}
    take(
        registry,
        first(person("1", full_name="税の名", address="税の町"), feed="tax.taxpayer"),
        feed="tax.taxpayer",
        trust=ranked,
    )
    take(registry, first(person("1", address="住基の町")), trust=ranked)

    (record,) = open_golden(registry)

    assert (record["full_name"], record["address"]) == ("山田太郎", "税の町")
    assert record["rules"]["address"] == "trust:tax.taxpayer>juki>tax>welfare"


def won_by(registry: sa.Engine) -> list[tuple[str, ...]]:
    """The feeds whose records won the groups, of each golden version that was ever written."""
    columns = ", ".join(
        f"(SELECT feed FROM person_record WHERE record_id = g.{name})" for name in golden.RECORDS
    )
    query = sa.text(
        f"SELECT array_to_string(ARRAY[{columns}], ' ') FROM golden_version AS g ORDER BY golden_id"
    )
    with registry.connect() as connection:
        return [tuple(sorted(set(text.split()))) for text in connection.execute(query).scalars()]


def test_a_value_that_another_record_wins_unchanged_names_that_record(registry: sa.Engine) -> None:
    take(registry, first(person("1"), feed="tax.taxpayer"), feed="tax.taxpayer")

    take(registry, first(person("1")))

    assert won_by(registry) == [("tax.taxpayer",), ("juki.resident",)]


def test_a_golden_record_that_compares_values_only_names_who_won_before(
    registry: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert " OR EXISTS (" in golden._CLOSE
    monkeypatch.setattr(golden, "_CLOSE", golden._CLOSE.partition(" OR EXISTS (")[0] + ")")
    take(registry, first(person("1"), feed="tax.taxpayer"), feed="tax.taxpayer")

    take(registry, first(person("1")))

    assert won_by(registry) == [("tax.taxpayer",)]


def test_a_newer_version_of_the_same_record_with_the_same_values_writes_no_golden_record(
    registry: sa.Engine, tmp_path: Path
) -> None:
    loaded = first(person("1"))
    take(registry, loaded)
    pq.write_table(loaded.snapshot, tmp_path / "s.parquet")

    newer = person("1", kana_key="ヤマダタロオ", source_version="2")
    found = compare(mapped(newer), Present(snapshot=Snapshot(whole=tmp_path / "s.parquet")), as_of=NEXT)
    take(registry, found)

    assert found.counts.merged == 1
    assert won_by(registry) == [("juki.resident",)]


@pytest.mark.parametrize(
    ("order", "wins"),
    [
        (("juki", "tax"), "住基の町"),
        (("freshest", "juki", "tax"), "税の町"),
        (("juki", "freshest", "tax"), "住基の町"),
    ],
)
def test_from_the_word_freshest_on_the_latest_event_wins(
    registry: sa.Engine, order: tuple[str, ...], wins: str
) -> None:
    trust = {"address": order}
    later = person("1", address="税の町", valid_from=NEXT)
    take(registry, first(person("1", address="住基の町")), trust=trust)
    take(registry, first(later, feed="tax.taxpayer"), feed="tax.taxpayer", trust=trust)

    (record,) = open_golden(registry)

    assert (record["address"], record["full_name"]) == (wins, "山田太郎")
    assert record["rules"]["address"] == "trust:" + ">".join(order)


def test_protection_is_the_strictest_of_all_sources(registry: sa.Engine) -> None:
    take(registry, first(person("1", protected="none")))

    take(
        registry,
        first(person("1", protected="protected"), feed="welfare.recipient"),
        feed="welfare.recipient",
    )

    assert open_golden(registry)[0]["protected"] == "protected"


def test_only_changes_reach_the_registry_and_history_is_kept(registry: sa.Engine, tmp_path: Path) -> None:
    people = [person(str(number)) for number in range(1, 21)]
    loaded = first(*people)
    take(registry, loaded)
    pq.write_table(loaded.snapshot, tmp_path / "s.parquet")

    moved = [{**row, "source_version": "2"} for row in people[:19]]
    moved[0]["address"] = "新町3-4"
    difference = compare(mapped(*moved), Present(snapshot=Snapshot(whole=tmp_path / "s.parquet")), as_of=NEXT)
    unit = take(registry, difference)

    assert vars(difference.counts) == {
        "records": 19, "merged": 1, "unchanged": 18, "superseded": 0, "rejected": 0, "ended": 1, "withheld": 0, "gone": 0,
    }  # fmt: skip
    with registry.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT source_key, removed FROM person_record WHERE unit_id = :unit ORDER BY 1"),
            {"unit": unit},
        )
        assert [tuple(row) for row in rows] == [("1", False), ("20", True)]
        assert connection.execute(sa.text("SELECT count(*) FROM person_record")).scalar() == 22
    assert len(open_golden(registry)) == 19


def test_a_late_delivery_supersedes_nothing_and_ends_nothing(tmp_path: Path) -> None:
    loaded = first(person("1", source_version="2026-11-20"), person("2", source_version="2026-11-20"))
    pq.write_table(loaded.snapshot, tmp_path / "s.parquet")

    late = compare(
        mapped(person("1", source_version="2026-11-18", address="昔の町")), Present(snapshot=Snapshot(whole=tmp_path / "s.parquet")), as_of=date(2026, 11, 18), is_late=True)  # fmt: skip

    assert (late.counts.superseded, late.counts.merged, late.counts.ended) == (1, 0, 0)


def test_a_known_version_with_other_content_is_set_aside_not_preferred(tmp_path: Path) -> None:
    loaded = first(person("1"))
    pq.write_table(loaded.snapshot, tmp_path / "s.parquet")

    again = compare(
        mapped(person("1", address="別の町")),
        Present(snapshot=Snapshot(whole=tmp_path / "s.parquet")),
        as_of=DAY,
    )

    assert (again.counts.rejected, again.counts.ended) == (1, 0)
    assert again.rejects.column("code").to_pylist() == ["E_VERSION_REUSED"]
    assert again.snapshot.column("address").to_pylist() == ["本町1-2"]


# what a record's second version may mean ----------------------------------------------------------


def present(tmp_path: Path, loaded: Difference, **terms) -> Present:
    pq.write_table(loaded.snapshot, tmp_path / "s.parquet")
    return Present(snapshot=Snapshot(whole=tmp_path / "s.parquet"), **terms)


STRANGER = {
    "name_key": "佐藤花子",
    "kana_key": "サトウハナコ",
    "full_name": "佐藤花子",
    "sex": "2",
    "date_of_birth": date(1999, 1, 1),
    "date_of_birth_lo": date(1999, 1, 1),
    "date_of_birth_hi": date(1999, 1, 1),
    "match_key": "stranger",
}


def candidates(registry: sa.Engine) -> list[str]:
    with registry.connect() as connection:
        return list(connection.execute(sa.text("SELECT reason FROM link_candidate ORDER BY 1")).scalars())


def test_a_key_given_to_somebody_else_leaves_the_first_resident_alone(
    registry: sa.Engine, tmp_path: Path
) -> None:
    loaded = first(person("1"))
    take(registry, loaded)
    take(registry, first(person("1"), feed="tax.taxpayer"), feed="tax.taxpayer")

    reissued = person("1", source_version="2", **STRANGER)
    take(registry, compare(mapped(reissued), present(tmp_path, loaded), as_of=NEXT))

    assert residents(registry) == [{"juki.resident:1"}, {"tax.taxpayer:1"}]
    assert "key_reissued" in candidates(registry)
    names = {row["full_name"] for row in open_golden(registry)}
    assert names == {"山田太郎", "佐藤花子"}


def test_a_married_name_with_the_same_birth_date_stays_the_same_resident(
    registry: sa.Engine, tmp_path: Path
) -> None:
    loaded = first(person("1"))
    take(registry, loaded)

    married = person(
        "1", source_version="2", name_key="鈴木太郎", kana_key="スズキタロウ", full_name="鈴木太郎"
    )
    take(registry, compare(mapped(married), present(tmp_path, loaded), as_of=NEXT))

    assert residents(registry) == [{"juki.resident:1"}]
    assert candidates(registry) == []


def test_a_number_of_somebody_who_left_is_not_joined_by_a_stranger(
    registry: sa.Engine, tmp_path: Path
) -> None:
    loaded = first(person("1"), person("2", match_key="k2"))
    take(registry, loaded)
    take(registry, compare(mapped(person("2", match_key="k2")), present(tmp_path, loaded), as_of=NEXT))

    take(registry, first(person("1", **STRANGER), feed="tax.taxpayer"), feed="tax.taxpayer")

    assert {"tax.taxpayer:1"} in residents(registry)


def test_a_record_that_learns_its_number_joins_the_resident_who_has_it(
    registry: sa.Engine, tmp_path: Path
) -> None:
    take(registry, first(person("1", match_key=None)))
    loaded = first(
        person("F1", numbering=None, party_number=None, match_key=None, source_version="1"),
        feed="welfare.recipient",
    )
    take(registry, loaded, feed="welfare.recipient")
    assert len(residents(registry)) == 2

    numbered = person("F1", party_number="1", match_key=None, source_version="2")
    difference = compare(mapped(numbered, feed="welfare.recipient"), present(tmp_path, loaded), as_of=NEXT)
    take(registry, difference, feed="welfare.recipient")

    assert residents(registry) == [{"juki.resident:1", "welfare.recipient:F1"}]


def test_protection_outlives_the_record_that_said_it(registry: sa.Engine, tmp_path: Path) -> None:
    take(registry, first(person("1", protected="none")))
    loaded = first(person("1", protected="protected"), person("2", match_key="k2"), feed="welfare.recipient")
    take(registry, loaded, feed="welfare.recipient")

    gone = compare(
        mapped(person("2", match_key="k2"), feed="welfare.recipient"), present(tmp_path, loaded), as_of=NEXT
    )
    take(registry, gone, feed="welfare.recipient")

    assert open_golden(registry)[0]["protected"] == "protected"


def rejecting(whole: Mapped, *, key: str | None, code: str = "E_CHECK_DIGIT") -> Mapped:
    row = {"__rec_no": 99, "source_key": key, "field": "source_key", "code": code, "detail": "-"}
    return Mapped(
        feed=whole.feed,
        record=whole.record,
        records=whole.records,
        rejects=pa.Table.from_pylist([row], schema=REJECT_SCHEMA),
        mapping_digest="d",
    )


@pytest.mark.parametrize(
    ("key", "code"), [("damaged", "E_CHECK_DIGIT"), (None, "E_ENCODING"), ("1", "E_KEY_TWICE")]
)
def test_nobody_is_ended_while_a_reject_may_be_the_missing_one(tmp_path: Path, key, code) -> None:
    loaded = first(person("1"), person("2"), person("3"))
    came = rejecting(mapped(person("1"), person("2")), key=key, code=code)

    difference = compare(came, present(tmp_path, loaded), as_of=NEXT)

    assert (difference.counts.ended, difference.counts.withheld) == (0, 1)
    assert difference.suspects == {99}
    assert difference.snapshot.num_rows == 3


def test_a_reject_that_was_there_before_anyone_was_missing_holds_nobody_back(tmp_path: Path) -> None:
    loaded = first(person("1"), person("2"), person("3"))
    came = rejecting(mapped(person("1"), person("2")), key="always wrong")

    difference = compare(came, present(tmp_path, loaded, explained={"always wrong": 1}), as_of=NEXT)

    assert (difference.counts.ended, difference.counts.withheld) == (1, 0)


def test_a_changed_mapping_merges_what_it_reads_differently(tmp_path: Path) -> None:
    loaded = first(person("1"))

    again = compare(
        mapped(person("1", address_building="葛原荘")),
        present(tmp_path, loaded, is_remapped=True),
        as_of=NEXT,
    )

    assert (again.counts.merged, again.counts.rejected) == (1, 0)


def test_a_later_delivery_of_one_day_says_what_holds(tmp_path: Path) -> None:
    loaded = first(person("1", source_version=DAY.isoformat()))

    later = compare(
        mapped(person("1", source_version=DAY.isoformat(), address="訂正後の町")),
        present(tmp_path, loaded),
        as_of=DAY,
    )

    assert (later.counts.merged, later.counts.rejected) == (1, 0)


def test_a_snapshot_of_before_a_new_column_is_still_read(tmp_path: Path) -> None:
    loaded = first(person("1"), person("2"))
    older = loaded.snapshot.drop_columns(["common_name_key"])
    pq.write_table(older, tmp_path / "s.parquet")

    difference = compare(
        mapped(person("1", source_version="2"), person("2", source_version="2")),
        Present(snapshot=Snapshot(whole=tmp_path / "s.parquet")),
        as_of=NEXT,
    )

    assert (difference.counts.unchanged, difference.counts.merged) == (2, 0)

"""What a feed brought is still there, to the byte; where it is not, the key and the field are named."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from tests.integration.verify.small_town import COPY, FEED, HIDDEN, LATER, Town, asked, town_of

from renkei.cli import exits, main
from renkei.errors import Stop
from renkei.registry.embedded import Cluster
from renkei.supervisor import bell
from renkei.workflow.verify import records_nameable

PEOPLE = 40
OPEN = "feed = 'town.person' AND known_to IS NULL"


@pytest.fixture(scope="module")
def town(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town_of(cluster, tmp_path_factory.mktemp("verify"), people=PEOPLE) as made:
        yield made


@pytest.mark.parametrize("against", [(), ("--against", "source"), ("--target", COPY)])
def test_what_nobody_touched_agrees_and_the_trail_says_that_it_was_asked(
    town: Town, capsys: pytest.CaptureFixture[str], against: tuple[str, ...]
) -> None:
    code, said = asked(capsys, "verify", FEED, *against)

    assert (code, said["agrees"], said["kept"]) == (exits.OK, True, "same")
    assert (said["records"], said["records_found"], said["apart"]) == (PEOPLE, PEOPLE, 0)
    last = town.rows("SELECT body::json FROM audit_event ORDER BY event_id DESC LIMIT 1")[0][0]
    assert (last["action"], last["detail"]["agrees"]) == ("feed.verified", True)


#: Key → what a hand does past the hub, and the field that then differs.
HANDS = {
    "0011": ("address = address || ' '", "address"),
    "0012": ("address = replace(address, '本', '夲')", "address"),
    "0013": ("full_name = ''", "full_name"),
    "0014": ("moved_in_on = moved_in_on + 1", "moved_in_on"),
    "0015": ("changed_at = changed_at + interval '1 microsecond'", "changed_at"),
    "0016": ("protected = NULL", "protected"),
    "0017": ("full_name = full_name || chr(31) || 'address=' || address, address = NULL", "address"),
    "0018": ("address = 'x', content_hash = md5('x')", "address"),
    "0019": ("content_hash = md5('x')", "content_hash"),
}


_STORED_OTHERWISE = f"{OPEN} AND content_hash = md5('x')"


def test_every_byte_changed_past_the_hub_is_found_and_named(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    with town.altered("person_record", f"{OPEN} AND source_key BETWEEN '0011' AND '0019'"):
        town.past_the_hub(
            *(
                f"UPDATE person_record SET {hand} WHERE {OPEN} AND source_key = '{key}'"
                for key, (hand, _) in HANDS.items()
            )
        )

        code, said = asked(capsys, "verify", FEED)
        believing = town.rows(f"SELECT source_key FROM person_record WHERE {_STORED_OTHERWISE}")

    assert (code, said["altered"], said["missing"], said["surplus"]) == (exits.FAILED, len(HANDS), 0, 0)
    # who believes the hash that stands in the row sees two of them
    assert {key for (key,) in believing} == {"0018", "0019"}
    named = {(each["key"], each["field"]) for each in said["findings"]}
    assert {(key, field) for key, (_, field) in HANDS.items()} <= named
    assert {key for key, _ in named} == set(HANDS)
    assert asked(capsys, "verify", FEED)[0] == exits.OK


def test_a_row_taken_away_and_a_row_put_in_are_named(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    where = f"{OPEN} AND source_key IN ('0002', '0003')"
    with town.altered("person_record", where):
        town.past_the_hub(
            f"DELETE FROM person_record WHERE {OPEN} AND source_key = '0002'",
            f"UPDATE person_record SET source_key = '0777' WHERE {OPEN} AND source_key = '0003'",
        )

        code, said = asked(capsys, "verify", FEED)
        town.past_the_hub("DELETE FROM person_record WHERE source_key = '0777'")

    assert (code, said["missing"], said["surplus"]) == (exits.FAILED, 2, 1)
    assert [(each["kind"], each["key"]) for each in said["findings"]] == [
        ("missing", "0002"),
        ("missing", "0003"),
    ]
    assert said["hidden"] == 1  # nobody knows whose the other one is


def test_who_may_not_be_named_is_only_counted(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    where = f"{OPEN} AND source_key = '{HIDDEN}'"
    with town.altered("person_record", where):
        town.past_the_hub(f"UPDATE person_record SET address = 'x' WHERE {where}")

        code, said = asked(capsys, "verify", FEED, "--reveal", "--purpose", "検証")

    assert (code, said["altered"], said["hidden"], said["findings"]) == (exits.FAILED, 1, 1, [])


def test_a_record_that_is_of_a_restricted_person_on_one_side_is_not_named(town: Town) -> None:
    rows = pa.table({"source_key": ["K1", "K1", "K2"], "person_key": [HIDDEN, "0008", "0008"]})

    with town.registry.connect() as connection:
        named = records_nameable(connection, rows, feed="town.benefit", columns=("person_key",))

    assert named.to_pylist() == ["K2"]


def test_values_are_shown_for_a_purpose_only_and_the_trail_has_it(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    where = f"{OPEN} AND source_key = '0012'"
    with town.altered("person_record", where):
        town.past_the_hub(f"UPDATE person_record SET address = '本町99番' WHERE {where}")

        main(["verify", FEED])
        plain = capsys.readouterr()
        _, said = asked(capsys, "verify", FEED, "--reveal", "--purpose", "検証")

    assert "0012" in plain.out
    assert "本町" not in plain.out + plain.err
    assert said["findings"][0] | {"key": ""} == {
        "kind": "altered", "key": "", "field": "address", "held": "本町12番", "found": "本町99番",
    }  # fmt: skip
    actions = [row[0] for row in town.rows(_ACTIONS)]
    assert actions[0] == "personal.revealed"


_ACTIONS = "SELECT body::json ->> 'action' FROM audit_event ORDER BY event_id DESC LIMIT 1"


def test_one_value_changed_in_the_target_table_is_named(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    town.source("UPDATE utsushi SET name = '葛原　化5' WHERE no = '0005'")

    code, said = asked(capsys, "verify", FEED, "--against", "target", "--target", COPY)

    town.source("UPDATE utsushi SET name = '葛原　花5' WHERE no = '0005'")
    assert (code, said["altered"], said["apart"]) == (exits.FAILED, 1, 1)
    assert said["findings"] == [{"kind": "altered", "key": "0005", "field": "full_name"}]


def test_what_the_source_says_otherwise_now_is_named(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    town.source(
        "UPDATE kojin SET moved = '2026-11-01' WHERE no = '0009'", "DELETE FROM kojin WHERE no = '0010'"
    )

    code, said = asked(capsys, "verify", FEED, "--against", "source")

    town.source("DELETE FROM kojin WHERE no IN ('0009', '0010')", "INSERT INTO kojin SELECT * FROM utsushi "
                "WHERE no IN ('0009', '0010')")  # fmt: skip
    assert code == exits.FAILED
    assert said["findings"] == [
        {"kind": "missing", "key": "0010", "field": None},
        {"kind": "altered", "key": "0009", "field": "moved_in_on"},
    ]


def test_altered_digests_do_not_pass_for_the_state(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    where = "feed = 'town.person' AND records > 0"
    with town.altered("bucket", where):
        town.past_the_hub(f"UPDATE bucket SET digest = sha256(digest) WHERE {where}")

        code, said = asked(capsys, "verify", FEED)

    assert (code, said["kept"], said["altered"]) == (exits.FAILED, "differs", 0)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((LATER,), "E_VERIFY_NO_STATE"),
        ((FEED, "--against", "target"), "E_VERIFY_TARGET"),
        ((FEED, "--target", FEED), "E_VERIFY_TARGET"),
    ],
)
def test_what_cannot_be_laid_beside_anything_is_refused(
    town: Town, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: str
) -> None:
    assert asked(capsys, "verify", *words)[1]["code"] == code


def test_keys_that_two_feeds_do_not_share_are_counted_and_named_but_for_who_may_not_be(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = asked(capsys, "keys", FEED, COPY, "--on", "party_number")

    assert code == exits.ABOVE_LIMIT
    assert said["on"] == [{"here": each, "there": each} for each in ("numbering", "party_number")]
    assert (said["rows"], said["both"], said["keyless"]) == ([PEOPLE, PEOPLE - 2], PEOPLE - 3, [0, 0])
    assert (said["missing_here"], said["missing_there"]) == (1, 3)
    assert said["hidden"]["missing_there"] == 1
    assert [(each["set"], each["records"]) for each in said["keys"]] == [
        ("missing_here", [f"{COPY}:0903"]),
        ("missing_there", [f"{FEED}:0003"]),
        ("missing_there", [f"{FEED}:0004"]),
    ]


def test_a_key_that_stands_twice_is_told_with_its_records_and_without_a_key_a_record_has_no_partner(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = asked(capsys, "keys", FEED, COPY, "--on", "full_name", "--limit", "1")

    assert (said["duplicate_here"], said["duplicate_there"], said["keyless"]) == (0, 1, [0, 1])
    assert said["keys"][-1] == {
        "set": "duplicate_there", "records": [f"{FEED}:0005", f"{COPY}:0005", f"{COPY}:0006"],
    }  # fmt: skip
    assert len(said["keys"]) == 2  # one of those missing there, one of those twice there


def test_the_same_keys_on_both_sides_agree_and_an_unknown_column_is_refused(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(capsys, "keys", FEED, FEED)[0] == exits.OK
    assert asked(capsys, "keys", FEED, COPY, "--on", "bango")[1]["code"] == "E_KEYS_COLUMN"


def test_every_week_each_feed_is_looked_at_and_one_that_differs_is_told(town: Town) -> None:
    where = f"{OPEN} AND source_key = '0020'"
    with town.altered("person_record", where):
        town.past_the_hub(f"UPDATE person_record SET full_name = 'x' WHERE {where}")

        with pytest.raises(Stop, match="E_VERIFY_DIFFERS") as told:
            bell.for_day("verify", town.root, day="2026-11-21", trigger="test")

    assert told.value.facts == {"feeds": FEED}
    again = bell.for_day("verify", town.root, day="2026-11-21", trigger="test")
    assert again == {"feeds": 2, "agree": 2, "later": 0}

"""Messages of the log, byte for byte, and what is not one."""

import pytest

from renkei.formats.changes import pgoutput
from renkei.formats.changes.pgoutput import UNCHANGED, Relation, Unreadable

RELATION = (
    b"R\x00\x00\x40\x00juki\x00kojin\x00f\x00\x03\x01no\x00\x00\x00\x00\x19\xff\xff\xff\xff"
    b"\x00ka\x00\x00\x00\x00\x10\xff\xff\xff\xff\x00ip\x00\x00\x00\x03\x65\xff\xff\xff\xff"
)
UPDATE = b"U\x00\x00\x40\x00O\x00\x03t\x00\x00\x00\x011t\x00\x00\x00\x01fnN\x00\x03t\x00\x00\x00\x011uu"
TABLE = Relation(oid=16384, identity="f", columns=("no", "ka", "ip"), types=(25, 16, 869))


def test_a_relation_says_its_columns() -> None:
    assert pgoutput.parse(RELATION) == TABLE


def test_an_update_takes_what_was_not_logged_again_from_the_old_row() -> None:
    written = pgoutput.parse(UPDATE)

    assert isinstance(written, pgoutput.Written)
    assert written.new == ("1", UNCHANGED, UNCHANGED)
    assert pgoutput.texts(pgoutput.filled(written.new, written.old), TABLE) == ("1", "false", None)


def test_a_value_that_nobody_logged_is_not_guessed() -> None:
    with pytest.raises(Unreadable):
        pgoutput.texts(("1", UNCHANGED, None), TABLE)


@pytest.mark.parametrize("message", [RELATION, UPDATE], ids=["relation", "update"])
def test_a_message_that_ends_early_is_refused(message: bytes) -> None:
    for length in range(len(message)):
        with pytest.raises(Unreadable):
            pgoutput.parse(message[:length])


def test_types_and_origins_say_nothing_of_rows_and_unknown_kinds_are_refused() -> None:
    assert pgoutput.parse(b"Y...") is None
    with pytest.raises(Unreadable):
        pgoutput.parse(b"Z...")


@pytest.mark.parametrize(
    ("xid", "snapshot", "visible"),
    [
        (99, "100:105:101,103", True),
        (100, "100:105:100,103", False),
        (102, "100:105:101,103", True),
        (103, "100:105:101,103", False),
        (105, "100:105:101,103", False),
        (4_294_967_290, "4294967300:4294967310:", True),
        (5, "4294967295:4294967300:4294967295", False),
        (3, "4294967298:4294967300:", True),
    ],
)
def test_a_transaction_is_in_a_snapshot_or_not(xid: int, snapshot: str, visible: bool) -> None:
    assert pgoutput.is_visible(xid, snapshot) is visible


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0/0"), (0x16B3748, "0/16B3748"), (0x1A_0000_00FF, "1A/FF")]
)
def test_a_place_in_the_log_has_a_text(number: int, text: str) -> None:
    assert (pgoutput.lsn(number), pgoutput.number_of(text)) == (text, number)


def test_an_address_without_a_mask_gets_the_one_that_a_select_shows() -> None:
    assert pgoutput.texts(("1", "t", "::1"), TABLE)[2] == "::1/128"
    assert pgoutput.texts(("1", "t", "10.0.0.0/8"), TABLE)[2] == "10.0.0.0/8"

"""The score is only as good as what it notices: a missed, a false, a twice-found and a gone finding."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from renkei_sample.score import RuleScore, double_entry, score
from renkei_sample.truth import Ledger

NIGHT = date(2026, 11, 20)
LONG_AGO = date(2020, 1, 1)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Two different addresses, one double entry and one broken file."""
    ledger = Ledger()
    for key in ("0000000019", "0000000027"):
        ledger.plant(
            "R10",
            "other_place",
            field="address",
            left=("juki.resident", key),
            right=("tax.taxpayer", key),
            since=LONG_AGO,
            day=NIGHT,
        )
    ledger.plant(
        "R38",
        "same_value",
        field="address",
        left=("juki.resident", "0000000035"),
        right=("tax.taxpayer", "0000000035"),
        since=LONG_AGO,
        day=NIGHT,
        lasting=True,
        minutes=6,
    )
    ledger.plant(
        "R39",
        "refused",
        field="delivery",
        left=("tax.taxpayer", "KJ_X.DAT"),
        right=("", None),
        since=NIGHT,
        day=NIGHT,
        lasting=True,
    )
    ledger.save(tmp_path)
    return tmp_path


@pytest.fixture
def books(registry_url: str) -> Iterator["Books"]:
    """The registry's books, written as the hub writes them."""
    with psycopg.connect(registry_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield Books(connection)


class Books:
    """Rows of ``mismatch`` with what they hang on."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self.connection, self.run = connection, uuid4()
        connection.execute(
            "INSERT INTO run (run_id, kind, target, as_of, state, actor, trigger, project_digest, code_version,"
            " started_at) VALUES (%s, 'reconcile', 'all', %s, 'done', 't', 't', 'd', 'v', now())",
            (self.run, NIGHT),
        )

    def find(
        self, rule: str, key: str, *, right: str | None = None, gone: date | None = None, minutes: int = 0
    ) -> None:
        """One standing finding about one person."""
        self._write(
            rule, "resident", uuid4().hex, "juki.resident", key, "tax.taxpayer", right or key, gone, minutes
        )

    def find_file(self, name: str) -> None:
        """One standing finding about a delivery, by its id as the hub stores it."""
        self.connection.execute("INSERT INTO object VALUES (%s, 1, now())", ("a" * 64,))
        row = self.connection.execute(
            "INSERT INTO delivery (feed, name, sha256, received_at, run_id, verdict)"
            " VALUES ('tax.taxpayer', %s, %s, now(), %s, 'refused') RETURNING delivery_id",
            (name, "a" * 64, self.run),
        ).fetchone()
        assert row is not None
        self._write("R39", "delivery", str(row[0]), "tax.taxpayer", name, "", "", None, 0)

    def _write(self, rule: str, kind: str, subject: str, *rest: object) -> None:
        case = self.connection.execute(
            'INSERT INTO "case" (subject_kind, subject_id, cause, rule_id, owner, severity, state,'
            " opened_at, opened_as_of, due_on) VALUES (%s, %s, 'c', %s, 'o', 1, 'open', now(), %s, %s) RETURNING case_id",
            (kind, subject, rule, NIGHT, NIGHT),
        ).fetchone()
        assert case is not None
        self.connection.execute(
            "INSERT INTO mismatch (rule_id, rule_digest, kind, subject_kind, subject_id, cause, field, class,"
            " left_feed, left_key, right_feed, right_key, gone_as_of, minutes, case_id, first_as_of,"
            " found_by_run, found_at)"
            " VALUES (%s, 'd', 'mismatch', %s, %s, 'c', 'f', 'k', %s, %s, %s, %s, %s, %s, %s, %s, %s, now())",
            (rule, kind, subject, *rest, case[0], NIGHT, self.run),
        )


def of(rule: str, scores: list[RuleScore]) -> tuple[int, int, int, int]:
    (found,) = [each for each in scores if each.rule_id == rule]
    return found.planted, found.found, found.missed, found.false


def test_what_was_planted_and_found_is_found(books: Books, truth: Path, registry_url: str) -> None:
    for key in ("0000000019", "0000000027"):
        books.find("R10", key)
    books.find_file("KJ_X.DAT")

    scores = score(registry_url, truth, NIGHT)

    assert of("R10", scores) == (2, 2, 0, 0)
    assert of("R39", scores) == (1, 1, 0, 0)


def test_what_is_not_on_the_books_is_missed(books: Books, truth: Path, registry_url: str) -> None:
    books.find("R10", "0000000019")

    assert of("R10", score(registry_url, truth, NIGHT)) == (2, 1, 1, 0)


def test_what_was_never_planted_is_false(books: Books, truth: Path, registry_url: str) -> None:
    books.find("R10", "0000000019", right="0000000999")
    books.find("R77", "0000000019")

    scores = score(registry_url, truth, NIGHT)

    assert of("R10", scores) == (2, 0, 2, 1)
    assert of("R77", scores) == (0, 0, 0, 1)


def test_the_same_thing_found_twice_is_false_once(books: Books, truth: Path, registry_url: str) -> None:
    books.find("R10", "0000000019")
    books.find("R10", "0000000019")

    assert of("R10", score(registry_url, truth, NIGHT)) == (2, 1, 1, 1)


def test_a_finding_that_is_gone_is_no_finding(books: Books, truth: Path, registry_url: str) -> None:
    books.find("R10", "0000000019", gone=NIGHT)

    assert of("R10", score(registry_url, truth, NIGHT)) == (2, 0, 2, 0)


def test_minutes_of_double_entries_are_compared(books: Books, truth: Path, registry_url: str) -> None:
    books.find("R38", "0000000035", minutes=6)

    found = double_entry(registry_url, truth, NIGHT)

    assert (found.planted, found.found, found.minutes_planted, found.minutes) == (1, 1, 6, 6)

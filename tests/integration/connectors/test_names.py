"""Names are data: whatever a sender calls a file, nothing of it becomes a path here."""

import random
from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.connectors.peers import feed_of

from renkei.arrival import Seen, in_order, is_plain, judge, wanted_of
from renkei.part import stem_of

#: What names are made of: every code point, lone surrogates too, and what paths and shells care about.
LETTERS = st.characters() | st.sampled_from("./\\\0\n\r\x1b\u202e~-*?[]${}'\" ．／")
NAMES = st.text(LETTERS, min_size=1, max_size=300)
WANTED = wanted_of(feed_of("sftp", path="/out/*", settle=0))


@settings(max_examples=2_000, deadline=None)
@given(NAMES)
def test_any_name_is_judged_and_stays_inside_the_work_folder(name: str) -> None:
    entry = Seen(name=name, size=1, modified=1, regular=True)

    judged = judge([entry], WANTED, {})

    assert bool(judged.unsure) == is_plain(name) == (not judged.notes)
    assert in_order(judged.unsure, WANTED) == judged.unsure
    assert all(note.isascii() and note.isprintable() for note in judged.notes)
    if is_plain(name):
        place = Path("/work", f"{stem_of('sample.sftp', '/out/' + name)}.part")
        assert place.parent == Path("/work")
        assert len(place.name) < 100


def test_ten_thousand_hostile_names_in_one_listing_are_each_judged_alone() -> None:
    chance = random.Random(20261120)
    alphabet = "aZ09字髙ｱ./\\\0\n\r\t\x1b\x7f\u200b\u202e\ufeff\udc80\ue000𠮷\U000e0100~-*?[]${}'\" ．／"
    names = {"".join(chance.choices(alphabet, k=chance.randrange(1, 300))) for _ in range(11_000)}
    names |= {
        "..",
        ".",
        "/etc/passwd",
        "../x",
        "con",
        "NUL",
        "x.part",
        "a" * 256,
        "字" * 86,
        "A.DAT",
        "a.dat",
    }

    judged = judge([Seen(name=n, size=1, modified=1, regular=True) for n in names], WANTED, {})

    assert len(names) >= 10_000
    assert {entry.name for entry in judged.unsure} == {name for name in names if is_plain(name)}
    assert len(judged.notes) == len(names) - len(judged.unsure)
    assert {"A.DAT", "a.dat"} <= {entry.name for entry in judged.unsure}
    places = {Path("/work", f"{stem_of('sample.sftp', '/out/' + e.name)}.part") for e in judged.unsure}
    assert {place.parent for place in places} == {Path("/work")}
    assert len(places) == len(judged.unsure)


@given(st.lists(st.tuples(st.dates(date(1900, 1, 1), date(2999, 12, 31)), st.integers(0, 9)), unique=True))
def test_files_come_in_the_order_of_the_dates_in_their_names(days: list[tuple[date, int]]) -> None:
    entries = [
        Seen(name=f"KJ_{day:%Y%m%d}_{number}.DAT", size=1, modified=-number, regular=True)
        for day, number in days
    ]

    ordered = [entry.name[3:11] for entry in in_order(entries, WANTED)]

    assert ordered == sorted(ordered)

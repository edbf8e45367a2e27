"""What every way of following changes promises, on the real servers: all of it, once in order, or a stop."""

import contextlib
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.connectors import changes_peer
from tests.integration.connectors.changes_peer import PASSWORD, Followed, applied, table_of
from tests.integration.connectors.peers import private

from renkei.errors import Stop, TryAgain

legacy_cluster, legacy = changes_peer.legacy_cluster, changes_peer.legacy
outbox, slot, binlog, followed = (
    changes_peer.outbox, changes_peer.slot, changes_peer.binlog, changes_peer.followed,
)  # fmt: skip

TEXTS = ("髙﨑　𠮷郎", "葛\U000e0101城 花子", "", None, 'O\'Neil "x" \\ % ;\n\t,{}', "長" * 3000)


def test_the_first_pull_is_whole_and_the_next_ones_are_what_changed(followed: Followed) -> None:
    followed.execute(*(followed.put(str(number), text) for number, text in enumerate(TEXTS)))

    first = followed.pull()
    followed.execute(followed.put("0", "変更"), followed.drop("1"), followed.put("9", None))
    later = followed.pull(first[-1])

    assert [delivery.is_whole for delivery in first + later] == [True, False]
    assert table_of(later[0]).num_rows == 3
    assert applied(first + later) == followed.truth()


def test_difficult_text_is_the_same_in_a_change_as_in_a_whole_read(followed: Followed) -> None:
    (empty,) = followed.pull()
    followed.execute(*(followed.put(str(number), text) for number, text in enumerate(TEXTS)))

    changes = applied(followed.pull(empty))

    assert changes == followed.truth() == dict(zip("012345", TEXTS, strict=True))


def test_nothing_new_gives_nothing(followed: Followed) -> None:
    followed.execute(followed.put("1", "山田"))
    (whole,) = followed.pull()

    assert followed.pull(whole) == []


def test_what_is_rolled_back_never_comes(followed: Followed) -> None:
    (whole,) = followed.pull()
    with contextlib.closing(followed.session()) as session:
        session.cursor().execute(followed.put("1", "取消"))
        session.rollback()
        session.cursor().execute(followed.put("2", "確定"))
        session.commit()

    assert applied(followed.pull(whole)) == {"2": "確定"}


def test_only_the_last_state_of_a_transaction_counts(followed: Followed) -> None:
    followed.execute(followed.put("1", "元"))
    (whole,) = followed.pull()
    followed.transaction(
        followed.put("1", "途中"), followed.put("2", "一瞬"), followed.drop("2"), followed.put("1", "最後")
    )

    (change,) = followed.pull(whole)

    assert [row["shimei"] for row in table_of(change).to_pylist() if not row["__gone"]] == ["最後"]


def test_a_key_that_changes_twice_comes_in_two_deliveries(followed: Followed) -> None:
    followed.execute(followed.put("1", "元"))
    (whole,) = followed.pull()
    followed.execute(followed.put("1", "一"), followed.put("2", "他"), followed.put("1", "二"))

    one, two = followed.pull(whole)

    assert applied([whole, one]) == {"1": "一", "2": "他"}
    assert applied([whole, one, two]) == {"1": "二", "2": "他"}
    assert [one.sha256 for one in followed.pull(one)] == [two.sha256]


def test_a_row_that_gets_another_key_is_gone_under_the_old_one(followed: Followed) -> None:
    followed.execute(followed.put("1", "甲"), followed.put("2", "乙"))
    (whole,) = followed.pull()
    move = f"UPDATE {followed.table} SET atena_no = '{{}}' WHERE atena_no = '{{}}'"
    followed.transaction(move.format(3, 1), move.format(1, 2), move.format(2, 3))
    followed.execute(move.format(7, 1))

    changes = followed.pull(whole)

    assert applied([whole, *changes]) == followed.truth() == {"2": "甲", "7": "乙"}


def test_a_transaction_larger_than_a_delivery_is_cut_and_resumed(followed: Followed) -> None:
    (whole,) = followed.pull()
    followed.transaction(followed.fill(100_001, 160_000))
    followed.execute(followed.put("160000", "後"))

    parts = followed.pull(whole)

    assert [delivery.records for delivery in parts] == [50_000, 10_000, 1]
    assert [delivery.sha256 for delivery in followed.pull(parts[0])] == [part.sha256 for part in parts[1:]]
    assert applied([whole, *parts]) == followed.truth()


def test_a_late_commit_of_an_older_transaction_is_not_missed(followed: Followed) -> None:
    (whole,) = followed.pull()
    with contextlib.closing(followed.session()) as late:
        late.cursor().execute(followed.put("1", "遅れて確定"))
        followed.execute(followed.put("2", "先に確定"))
        early = followed.pull(whole)
        late.commit()

    rest = followed.pull(early[-1])

    assert applied(early) == {"2": "先に確定"}
    assert applied([whole, *early, *rest]) == followed.truth()


def test_a_transaction_open_during_the_whole_read_comes_after_it(followed: Followed) -> None:
    if followed.feed.connector == "pg_slot":
        followed.pull()  # making a slot waits for whoever is writing
    with contextlib.closing(followed.session()) as writing:
        writing.cursor().execute(followed.put("1", "読取中"))
        whole = followed.pull()
        writing.commit()

    rest = followed.pull(whole[-1])

    assert applied(whole) == {}
    assert applied([*whole, *rest]) == {"1": "読取中"}


def test_a_position_gives_the_same_bytes_again(followed: Followed) -> None:
    (whole,) = followed.pull()
    followed.execute(*(followed.put(str(number % 3), str(number)) for number in range(8)))

    once, again = followed.pull(whole), followed.pull(whole)

    assert len(once) == 3
    assert [delivery.sha256 for delivery in again] == [delivery.sha256 for delivery in once]


def test_a_pull_that_was_left_in_the_midst_is_taken_up_where_it_was_merged(followed: Followed) -> None:
    (whole,) = followed.pull()
    followed.execute(followed.put("1", "一"), followed.put("1", "二"), followed.put("1", "三"))

    connector = followed.module.connect(followed.connection, workdir=followed.workdir)
    left = connector.pull(followed.feed, followed.since(whole))
    merged = next(left)
    left.close()

    assert applied([whole, merged]) == {"1": "一"}
    assert applied([whole, merged, *followed.pull(merged)]) == {"1": "三"}


def test_a_place_that_was_given_up_reads_the_whole_table_again(followed: Followed) -> None:
    followed.execute(followed.put("1", "一"))
    followed.pull()
    followed.execute(followed.put("2", "二"))

    (again,) = followed.resnapshot()

    assert again.is_whole
    assert applied([again]) == {"1": "一", "2": "二"}
    followed.execute(followed.drop("1"))
    assert applied([again, *followed.pull(again)]) == {"2": "二"}


def test_truncate_stops_after_what_came_before_it(followed: Followed) -> None:
    followed.execute(followed.put("1", "一"))
    (whole,) = followed.pull()
    followed.execute(followed.put("2", "二"), f"TRUNCATE TABLE {followed.table}", followed.put("3", "三"))

    connector = followed.module.connect(followed.connection, workdir=followed.workdir)
    taken = []
    with pytest.raises(Stop) as stopped:
        taken.extend(connector.pull(followed.feed, followed.since(whole)))

    assert stopped.value.code == "E_POSITION_LOST"
    assert applied([whole, *taken]) == {"1": "一", "2": "二"}
    assert applied(followed.resnapshot()) == {"3": "三"}


def test_a_new_column_is_seen(followed: Followed) -> None:
    (whole,) = followed.pull()
    followed.execute(followed.put("1", "前"))
    followed.execute(f"ALTER TABLE {followed.table} ADD COLUMN kana varchar(20)", followed.put("2", "後"))

    before, after = followed.pull(whole)

    assert table_of(before).column_names == ["atena_no", "shimei", "__gone"]
    assert table_of(after).column_names == ["atena_no", "shimei", "kana", "__gone"]


def test_waiting_ends_with_the_commit_and_not_before(followed: Followed) -> None:
    (whole,) = followed.pull()
    assert not followed.wait(whole, seconds=0.3)
    with contextlib.closing(followed.session()) as session:
        session.cursor().execute(followed.put("1", "未確定"))
        assert not followed.wait(whole, seconds=0.3)
        session.commit()

    began = time.monotonic()
    assert followed.wait(whole, seconds=20)
    assert time.monotonic() - began < 5

    (change,) = followed.pull(whole)
    assert not followed.wait(change, seconds=0.3)


def test_a_refused_login_is_not_tried_again(followed: Followed, tmp_path: Path) -> None:
    wrong = followed.at(followed.port, password=private(tmp_path / "wrong", "wrong"), retry_seconds="5")
    with FaultProxy(followed.port) as proxy:
        with pytest.raises(Stop) as refused:
            followed.pull(connection=followed.at(proxy.port, password=wrong.settings["password"]))

        assert refused.value.code == "E_AUTH"
        assert proxy.connections == 2, "one knock without a credential, and one login"


@pytest.mark.parametrize("after", [0, 100_000])
def test_a_silent_server_is_left_at_the_deadline(followed: Followed, after: int) -> None:
    followed.execute(followed.fill(1, 30_000))
    fault = Fault(direction="down", after=after, action="black_hole")
    with FaultProxy(followed.port, faults=[fault]) as proxy:
        began = time.monotonic()
        with pytest.raises(TryAgain) as left:
            followed.wishing(deadline="2s").pull(connection=followed.at(proxy.port))

    assert left.value.code == ("E_PULL_DEADLINE" if after else "E_LINK_DOWN")
    assert time.monotonic() - began < 7
    assert list(followed.workdir.glob("*.part")) == []


@pytest.mark.parametrize("after", [3_000, 20_000, 80_000])
def test_a_link_that_breaks_loses_and_doubles_nothing(followed: Followed, after: int) -> None:
    (whole,) = followed.pull()
    followed.execute(followed.fill(1, 2_000), followed.fill(3_001, 5_000), followed.put("1", "後"))
    faults = [Fault(direction="down", after=after, action="reset")]
    merged = [whole]
    with FaultProxy(followed.port, faults=faults) as proxy, contextlib.suppress(TryAgain):
        connector = followed.module.connect(followed.at(proxy.port), workdir=followed.workdir)
        merged.extend(connector.pull(followed.feed, followed.since(whole)))

    merged += followed.pull(merged[-1])

    assert applied(merged) == followed.truth()


def test_no_fault_tells_the_password_or_a_row(followed: Followed, tmp_path: Path) -> None:
    connector = followed.module.connect(followed.connection, workdir=followed.workdir)
    said = repr(connector.test()) + repr(connector.connection)

    assert PASSWORD not in said


# random histories ----------------------------------------------------------------------------------

#: One step of one of two sessions: a key of its own, and what becomes of it; or the end of its transaction.
STEP = st.tuples(
    st.sampled_from("AB"),
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("012"), st.sampled_from(["甲", "乙", "", None])),
        st.tuples(st.just("drop"), st.sampled_from("012")),
        st.tuples(st.just("move"), st.sampled_from("012"), st.sampled_from("012")),
        st.tuples(st.sampled_from(["commit", "commit", "rollback"])),
    ),
)


def _do(followed: Followed, session: Any, name: str, step: tuple[str | None, ...]) -> None:
    verb, *what = step
    keys = [f"{name}{key}" for key in what[:2]]
    match verb:
        case "put":
            session.cursor().execute(followed.put(keys[0], what[1]))
        case "drop":
            session.cursor().execute(followed.drop(keys[0]))
        case "move" if keys[0] != keys[1]:
            session.cursor().execute(followed.drop(keys[1]))
            move = f"UPDATE {followed.table} SET atena_no = '{keys[1]}' WHERE atena_no = '{keys[0]}'"
            session.cursor().execute(move)
        case "commit":
            session.commit()
        case "rollback":
            session.rollback()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEP, min_size=5, max_size=40), pulls=st.sets(st.integers(0, 40), max_size=3))
def test_every_checkpoint_of_a_random_history_leads_to_the_truth(
    followed: Followed, steps: list[tuple[str, tuple[str | None, ...]]], pulls: set[int]
) -> None:
    followed.execute(f"DELETE FROM {followed.table}")
    deliveries = followed.pull()
    with contextlib.ExitStack() as stack:
        sessions = {name: stack.enter_context(contextlib.closing(followed.session())) for name in "AB"}
        for number, (name, step) in enumerate(steps):
            _do(followed, sessions[name], name, step)
            if number in pulls:
                deliveries += followed.pull(deliveries[-1])
                assert applied(deliveries) == followed.truth()
        for session in sessions.values():
            session.commit()

    start = len(deliveries) - 1
    deliveries += followed.pull(deliveries[-1])

    truth = followed.truth()
    assert applied(deliveries) == truth
    # the position at the last pull is the oldest that nobody has acknowledged yet
    for merged in range(start, len(deliveries)):
        rest = followed.pull(deliveries[merged])
        assert applied([*deliveries[: merged + 1], *rest]) == truth


def test_a_delivery_is_text_and_one_flag(followed: Followed) -> None:
    (whole,) = followed.pull()
    followed.execute(followed.put("1", "一"))

    (change,) = followed.pull(whole)

    assert {field.type for field in table_of(whole).schema} == {pa.string()}
    assert [field.type for field in table_of(change).schema] == [pa.string(), pa.string(), pa.bool_()]

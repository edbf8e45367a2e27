"""Digests of buckets: they know no order, nothing cancels out, and they move with what a night changes."""

import random
from datetime import timedelta
from hashlib import md5, sha256
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.registry.test_patched_state import FIRST, VERSIONED, person, small_states, world

from renkei.engine.workbench import workbench
from renkei.registry import buckets
from renkei.registry.buckets import Buckets, differing, digest_of

__all__ = ["small_states"]


def of(*rows: tuple[str, str]) -> Buckets:
    with workbench() as bench:
        keys, hashes = ([row[place] for row in rows] for place in (0, 1))
        columns = [pa.array(keys, pa.string()), pa.array(hashes, pa.string())]
        bench.register("rows", pa.table(columns, names=["source_key", "content_hash"]))
        return buckets.of_relation(bench, "rows")


def test_the_order_of_records_does_not_show() -> None:
    rows = [(f"{number:04}", f"{number * 7:032x}") for number in range(300)]

    assert digest_of(of(*rows)) == digest_of(of(*reversed(rows)))


def test_one_record_otherwise_differs_in_one_bucket() -> None:
    rows = [(f"{number:04}", f"{number * 7:032x}") for number in range(300)]

    assert differing(of(*rows), of(*rows[:-1], (rows[-1][0], "f" * 32))) == differing(of(rows[-1]), {})


def test_a_pair_of_equal_records_does_not_cancel_out() -> None:
    [once], [twice] = of(("1", "a")).values(), of(("1", "a"), ("1", "a")).values()

    assert (twice.records, twice.digest) == (2, 2 * once.digest % (1 << 256))
    assert once.digest ^ once.digest == 0  # what a bucket of both would be, were they not added


def test_contents_that_change_places_are_seen() -> None:
    one, other = [key for key in map(str, range(5000)) if _bucket(key) == _bucket("1")][:2]

    assert len(of((one, "a"), (other, "b"))) == 1
    assert differing(of((one, "a"), (other, "b")), of((one, "b"), (other, "a")))


def _bucket(key: str) -> int:
    return int(md5(key.encode()).hexdigest()[:3], 16) >> 2


def test_the_sum_is_that_of_sha_256_as_a_whole_number() -> None:
    rows = [("1", "f" * 32)] * 5
    expected = 5 * int.from_bytes(sha256(b"1\x1f" + b"f" * 32).digest()) % (1 << 256)

    [made] = of(*rows).values()

    assert (made.records, made.digest) == (5, expected)


@pytest.mark.usefixtures("small_states")
@pytest.mark.parametrize("seed", range(1))
def test_moved_by_what_a_night_changes_they_are_those_of_the_whole_state(tmp_path: Path, seed: int) -> None:
    chance, here = random.Random(seed), world(tmp_path, VERSIONED)
    people = {f"{number:03d}": person(f"{number:03d}", chance, 1) for number in range(30)}
    kept: Buckets = {}
    for night in range(5):
        for key in chance.sample(sorted(people), 5) if night else ():
            people[key] = person(key, chance, night + 1)
        if night:
            people.pop(chance.choice(sorted(people)))
            people[f"{40 + night:03d}"] = person(f"{40 + night:03d}", chance, night + 1)
        rows = list(people.values())[: 8 if night == 3 else None]
        late = timedelta(days=2) if night == 4 else timedelta()
        _, made = here.take(rows, FIRST + timedelta(days=night) - late, full=night != 3, late=bool(late))
        assert here.spared is not None

        kept = buckets.moved(kept, made.moved) if night else buckets.of_state(here.spared)

        assert differing(kept, buckets.of_state(here.spared)) == ()

"""Reads landed deliveries again: here, and in processes whose surroundings differ where it must not matter.

Such a process takes jobs on its standard input (JSON: ``root``, ``var``, ``home``, ``parts``) and answers
one digest a part; a delivery that cannot be read is answered by its error's code.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from renkei.errors import RenkeiError
from renkei.prove.ground import Part, Reread

if TYPE_CHECKING:
    from renkei.project import Project

#: Name → what differs from the process that asks. Far zones on both sides of the city's own.
SURROUNDINGS: Mapping[str, Mapping[str, str]] = {
    "C": {
        "LANG": "C", "LC_ALL": "C", "TZ": "Pacific/Pago_Pago", "PYTHONHASHSEED": "0",
        "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1",
    },
    "ja": {
        "LANG": "ja_JP.UTF-8", "LC_ALL": "ja_JP.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "4242",
        "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2",
    },
}  # fmt: skip
#: Together larger than this, deliveries are mapped in one process after the other: memory is for one.
_SIDE_BY_SIDE = 64_000_000


def reread(project: "Project", part: Part) -> Reread:
    """Map a delivery as its unit was mapped: by the layout of its own day."""
    import pyarrow.compute as pc

    from renkei import mapping
    from renkei.registry.difference import hashed

    declared = project.mapping(part.feed)
    batch = mapping.read(part.file, declared, day=part.as_of)
    mapped = mapping.apply(declared, batch, as_of=batch.control.as_of or part.as_of)
    rejected = mapped.rejects["source_key"].combine_chunks()
    records = hashed(mapped)
    gone = pa.array([], pa.string()) if mapped.gone is None else mapped.gone["source_key"].combine_chunks()
    tables = [mapped.records, mapped.rejects, records, *([] if mapped.gone is None else [mapped.gone])]
    return Reread(
        records=records,
        rejected=pc.drop_null(rejected),
        gone=gone,
        nameless=rejected.null_count,
        mapping_digest=mapped.mapping_digest,
        digest=digest_of(tables),
    )


def digest_of(tables: Sequence[pa.Table]) -> str:
    """One hash over what tables say, however they lie in memory."""
    from pyarrow import csv

    sink = _Hasher()
    for table in tables:
        sink.write(",".join(table.column_names).encode())
        # an empty chunk inside a table makes the CSV writer emit zero bytes
        csv.write_csv(
            table.combine_chunks(), pa.PythonFile(sink, mode="w"), csv.WriteOptions(include_header=False)
        )
    return sink.hexdigest()


class _Hasher:
    """A file that keeps nothing of what is written but its hash."""

    closed = False

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """More may come."""

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def elsewhere(project: "Project", parts: Sequence[Part]) -> Mapping[str, Sequence[str]]:
    """Surroundings → the digest of each part as mapped there."""
    jobs = json.dumps({
        "root": str(project.root), "var": str(project.var), "home": str(project.home or ""),
        "parts": [[part.feed, str(part.file), part.as_of.isoformat()] for part in parts],
    })  # fmt: skip
    side_by_side = sum(part.file.stat().st_size for part in parts if part.file.exists()) <= _SIDE_BY_SIDE
    answers: dict[str, Sequence[str]] = {}
    waiting: dict[str, subprocess.Popen[str]] = {}
    for name in SURROUNDINGS:
        waiting[name] = _start(name)
        _hand(waiting[name], jobs)
        if not side_by_side:
            answers[name] = _answer(waiting.pop(name), len(parts))
    return answers | {name: _answer(child, len(parts)) for name, child in waiting.items()}


def _start(name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import answer_jobs; answer_jobs()"],
        env={**os.environ, **SURROUNDINGS[name]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def _hand(child: "subprocess.Popen[str]", jobs: str) -> None:
    assert child.stdin is not None
    child.stdin.write(jobs)
    child.stdin.close()


def _answer(child: "subprocess.Popen[str]", count: int) -> Sequence[str]:
    assert child.stdout is not None
    with child.stdout:
        said = child.stdout.read()
    if child.wait() != 0:
        return ["unanswered"] * count
    answered: list[str] = json.loads(said)
    return answered


def answer_jobs(jobs: IO[str] = sys.stdin, answer: IO[str] = sys.stdout) -> None:
    """What a process of other surroundings does: take the jobs, map, say the digests."""
    from renkei.project import Project

    asked = json.load(jobs)
    home = Path(asked["home"]) if asked["home"] else None
    project = Project(root=Path(asked["root"]), var=Path(asked["var"]), home=home)
    parts = [
        Part(feed=feed, file=Path(file), as_of=date.fromisoformat(day)) for feed, file, day in asked["parts"]
    ]
    json.dump([_digest(project, part) for part in parts], answer)


def _digest(project: "Project", part: Part) -> str:
    try:
        return reread(project, part).digest
    except (RenkeiError, OSError) as broken:
        return str(getattr(broken, "code", "unreadable"))

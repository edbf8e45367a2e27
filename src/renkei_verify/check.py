"""The verification itself: every leaf, every root, every signature, every copy, every row."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from renkei_verify.note import Note, PublicKey, Tree, Witness, is_signed, parse, witness_line
from renkei_verify.report import Published
from renkei_verify.source import COVERED, Event, Row, Source, Stored

#: Transactions overlap and clocks are corrected; further apart than this is a forged or broken clock.
TOLERANCE_SECONDS = 3600
_MOST_FINDINGS = 1000
#: How an event begins that tells of a report by the digest of its sums.
_REPORTED = '{"action":"migration.checked"'


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that does not hold; ``seq`` is the first event it puts in doubt, where there is one."""

    code: str
    seq: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was proven. Events 1 to ``proven`` are whole and signed; ``unchecked`` says what stays open."""

    sealed: int
    unsealed: int
    checkpoints: int
    rows: int
    proven: int
    first_bad_seq: int | None
    findings: tuple[Finding, ...]
    pending_copies: int
    unchecked: tuple[str, ...] = ()

    @property
    def result(self) -> str:
        """``proven``, ``broken`` or ``unchecked``."""
        return "broken" if self.findings else "unchecked" if self.unchecked else "proven"


def verify(
    source: Source,
    keys: Sequence[PublicKey],
    *,
    witnesses: Sequence[Witness],
    kept: Sequence[Note] = (),
    trusted: int = 0,
    tolerance: int = TOLERANCE_SECONDS,
    reports: Sequence[Published] = (),
) -> Report:
    """Verify everything; ``kept`` are checkpoints the auditor holds himself, ``reports`` what he was handed.

    Events up to ``trusted`` were proven before: their leaves still build the tree, but only the
    events of covered rows among them are hashed again.
    """
    check = _Check(keys, trusted=trusted, tolerance=tolerance * 1_000_000)
    stored = tuple(check.stored(source.checkpoints))
    for witness in witnesses:
        check.witness(witness, stored)
    held = {*stored, *kept, *(note for witness in witnesses for note in witness.notes)}
    check.events(source.events, [note for note in sorted(held) if check.signed(note)])
    rows = check.coverage(source.rows)
    unsealed = check.reported(reports)
    return check.report(checkpoints=len(stored), rows=rows, unchecked=unsealed)


class _Check:
    """The findings so far, and the tree as it grows."""

    def __init__(self, keys: Sequence[PublicKey], *, trusted: int, tolerance: int) -> None:
        self._keys, self._trusted, self._tolerance = keys, trusted, tolerance
        self._findings: list[Finding] = []
        self._tree, self._whole, self._proven = Tree(), True, 0
        self._unsealed = self._pending = self._clock = self._clock_seq = 0
        self._told: dict[tuple[str, str], list[Event]] = defaultdict(list)
        self._reported: dict[str, int | None] = {}
        self._markers = tuple(f'{{"action":"{action}"' for action in COVERED)

    def found(self, code: str, seq: int | None = None, **facts: object) -> None:
        # bounded: the first findings say where it began
        if len(self._findings) < _MOST_FINDINGS:
            self._findings.append(Finding(code=code, seq=seq, facts=facts))

    def stored(self, checkpoints: Iterator[Stored]) -> Iterator[Note]:
        """The database's checkpoints: each says what its signed note says, and time goes forward."""
        before = 0
        for row in checkpoints:
            try:
                note = parse(row.note)
            except ValueError:
                self.found("note_unreadable", size=row.size)
                continue
            if note[:3] != row[:3]:
                self.found("note_differs", size=row.size)
            if note.signed_at < before - self._tolerance:
                self.found("checkpoint_clock", size=row.size)
            before = max(before, note.signed_at)
            yield note

    def signed(self, note: Note) -> bool:
        """True when the note is the log's own; else a finding."""
        if not (signed := is_signed(note, self._keys)):
            self.found("signature", size=note.size)
        return signed

    def witness(self, witness: Witness, stored: Sequence[Note]) -> None:
        """A witness holds what the database holds; only the newest may still wait to be copied."""
        inside, copies = set(stored), set(witness.notes)
        for note in witness.notes:
            if note not in inside:
                self.found("not_in_database", size=note.size, witness=witness.name)
        lacking = [note for note in stored if note not in copies]
        if lacking and lacking != [stored[-1]]:
            self.found("not_in_witness", size=lacking[0].size, witness=witness.name, count=len(lacking))
        self._pending += len(lacking) == 1
        cut_short = witness_line(lacking[0]) if lacking else b""
        for line in witness.damaged:
            if not cut_short.startswith(line):
                self.found("witness_damaged", witness=witness.name)

    def events(self, events: Iterator[Event], signed: Sequence[Note]) -> None:
        """Every event in order: its place, its leaf, its time, and the roots signed over it."""
        waiting = list(reversed(signed))
        for event in events:
            if event.seq is None:
                self._unsealed += 1
            else:
                self._place(event, event.seq)
                while waiting and waiting[-1].size <= self._tree.size:
                    self._root(waiting.pop())
            if event.body and event.body.startswith(self._markers):
                self._tell(event)
            if event.body and event.body.startswith(_REPORTED):
                self._remember(event)
        if waiting and self._whole:
            self.found("cut_off", self._tree.size + 1, size=waiting[0].size)
        elif self._tree.size > self._proven and self._whole:
            self.found("unsigned", self._proven + 1, size=self._tree.size)

    def _place(self, event: Event, seq: int) -> None:
        if self._whole and seq != self._tree.size + 1:
            self.found("gap", self._tree.size + 1, next=seq)
            self._whole = False
        if event.event_id is None:
            self.found("deleted", seq)
        elif seq > self._trusted or event.body.startswith(self._markers):
            self._leaf(event, seq)
        self._tree.append(bytes.fromhex(event.leaf or ""))

    def _leaf(self, event: Event, seq: int) -> None:
        entry = f"\0{event.event_id}\n{event.micros}\n{event.salt}\n{event.body}".encode()
        if sha256(entry).hexdigest() != event.leaf:
            self.found("changed", seq, event_id=event.event_id)
        elif event.micros < self._clock - self._tolerance:
            self.found("clock_back", seq, event_id=event.event_id)
        elif event.micros > self._clock:
            self._clock, self._clock_seq = event.micros, seq

    def _root(self, note: Note) -> None:
        if not self._whole:
            return
        if (note.size, note.root) != (self._tree.size, self._tree.root()):
            self.found("root", self._bad_after(self._proven) or self._proven + 1, size=note.size)
            self._whole = False
            return
        if self._clock > note.signed_at + self._tolerance:
            self.found("clock_ahead", self._clock_seq, size=note.size)
            self._clock = note.signed_at
        self._proven = note.size

    def _tell(self, event: Event) -> None:
        try:
            body = json.loads(event.body)
            self._told[body["action"], body["object"]].append(event)
        except (ValueError, KeyError, TypeError):
            self.found("unreadable", event.seq, event_id=event.event_id)

    def coverage(self, covered: Iterator[Row]) -> int:
        """Every row has its event, once for each time, and every event its row; returns how many rows."""
        rows = 0
        for rows, row in enumerate(covered, start=1):  # noqa: B007 - the count is what is returned
            told = self._told.get((row.action, row.object))
            if not told:
                self.found("row_without_event", action=row.action, object=row.object)
            elif columns := _differing(row.values, json.loads(told.pop(0).body).get("detail")):
                self.found("row_differs", action=row.action, object=row.object, columns=columns)
        for (action, name), events in self._told.items():
            for event in events:
                self.found("event_without_row", event.seq, action=action, object=name)
        return rows

    def _remember(self, event: Event) -> None:
        """The digest of a report; of several events that tell of it the first one counts."""
        try:
            digest = str(json.loads(event.body)["detail"]["report"])
        except (ValueError, KeyError, TypeError):
            self.found("unreadable", event.seq, event_id=event.event_id)
            return
        self._reported.setdefault(digest, event.seq)

    def reported(self, reports: Sequence[Published]) -> tuple[str, ...]:
        """Each report is whole, and a proven event tells of it; returns what is told and not proven yet."""
        proven = min(self._proven, (self._bad_after(0) or self._proven + 1) - 1)
        waiting = False
        for each in reports:
            if each.faults:
                self.found("report_changed", report=each.name, files=", ".join(each.faults))
            elif each.digest not in self._reported:
                self.found("report_unknown", report=each.name)
            else:
                seq = self._reported[each.digest]
                waiting = waiting or seq is None or seq > proven
        return ("report_unsealed",) if waiting else ()

    def report(self, *, checkpoints: int, rows: int, unchecked: tuple[str, ...]) -> Report:
        """Sum up."""
        bad = self._bad_after(0)
        return Report(
            sealed=self._tree.size,
            unsealed=self._unsealed,
            checkpoints=checkpoints,
            rows=rows,
            proven=min(self._proven, bad - 1) if bad else self._proven,
            first_bad_seq=bad,
            findings=tuple(self._findings),
            pending_copies=self._pending,
            unchecked=unchecked,
        )

    def _bad_after(self, proven: int) -> int | None:
        return min((found.seq for found in self._findings if found.seq and found.seq > proven), default=None)


def _differing(values: Mapping[str, Any], detail: object) -> list[str]:
    """Names of columns that say something else than the event's detail does."""
    said = detail if isinstance(detail, dict) else {}
    return [name for name, value in values.items() if name in said and str(said[name]) != str(value)]

"""A small honest trail held in lists, and everything a person with full rights could do to it."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from renkei.audit import checkpoint, merkle
from renkei.audit.events import canonical
from renkei.audit.keys import Keys
from renkei_verify import check, note, source

KEYS = Keys(origin="city.example/audit/00112233", private=Ed25519PrivateKey.from_private_bytes(b"\7" * 32))
OTHER = Keys(origin=KEYS.origin, private=Ed25519PrivateKey.from_private_bytes(b"\6" * 32))
PUBLIC = (note.PublicKey(KEYS.origin, KEYS.key_hash, KEYS.public),)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
SECOND = 1_000_000
HOUR = 3600 * SECOND


@dataclass
class Trail:
    """Events, checkpoints and rows as the database has them, and the copies outside."""

    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    witnesses: list[list[str]] = field(default_factory=lambda: [[], []])
    rows: list[dict[str, Any]] = field(default_factory=list)

    def source(self) -> source.Source:
        """As the verifier reads it."""
        return source.Source(
            checkpoints=iter([source.Stored(**row) for row in self.checkpoints]),
            events=iter([source.Event(**event) for event in self.events]),
            rows=iter([source.Row(row["action"], row["object"], row["values"]) for row in self.rows]),
        )

    def verify(self, *, witnesses: bool = True) -> check.Report:
        """Verify it."""
        copies = [
            note.Witness(f"witness {number}", tuple(note.parse(text) for text in lines), ())
            for number, lines in enumerate(self.witnesses)
        ]
        return check.verify(self.source(), PUBLIC, witnesses=copies if witnesses else [])

    def rehash(self, *, keys: Keys | None = None) -> None:
        """Make leaves, order and checkpoint rows agree with the events again, as a database owner can."""
        for seq, event in enumerate(self.events, start=1):
            event["seq"], event["leaf"] = seq, leaf_of(event)
        for row in self.checkpoints:
            row["size"] = min(row["size"], len(self.events))
            row["root"] = root_of(self.events[: row["size"]])
            forged = checkpoint.sign(
                keys or KEYS,
                size=row["size"],
                root=bytes.fromhex(row["root"]),
                signed_at=time_of(row["signed_at"]),
            )
            text, old_signature = forged.note.split("\n\n")[0], row["note"].split("\n\n")[1]
            row["note"] = forged.note if keys else f"{text}\n\n{old_signature}"


def time_of(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def leaf_of(event: dict[str, Any]) -> str:
    entry = f"{event['event_id']}\n{event['micros']}\n{event['salt']}\n{event['body']}"
    return merkle.leaf_hash(entry.encode()).hex()


def root_of(events: list[dict[str, Any]]) -> str:
    return merkle.root(bytes.fromhex(event["leaf"]) for event in events).hex()


def add_event(trail: Trail, action: str, name: str, **detail: object) -> dict[str, Any]:
    """One more sealed event, a second after the last."""
    number = len(trail.events) + 1
    event = {
        "seq": number,
        "event_id": number + 3,
        "micros": (START - EPOCH) // timedelta(microseconds=1) + number * SECOND,
        "salt": sha256(str(number).encode()).hexdigest(),
        "body": canonical({"action": action, "actor": "night", "object": name, "detail": detail}),
    }
    event["leaf"] = leaf_of(event)
    trail.events.append(event)
    return event


def seal(trail: Trail, *, copies: int = 2) -> None:
    """Sign what there is, and copy it."""
    signed_at = time_of(trail.events[-1]["micros"] + SECOND)
    root = root_of(trail.events)
    made = checkpoint.sign(KEYS, size=len(trail.events), root=bytes.fromhex(root), signed_at=signed_at)
    micros = (signed_at - EPOCH) // timedelta(microseconds=1)
    trail.checkpoints.append({"size": made.size, "root": root, "signed_at": micros, "note": made.note})
    for witness in trail.witnesses[:copies]:
        witness.append(made.note)


def honest(seed: int = 0) -> Trail:
    """Up to 50 events in four seals, a dozen units among them."""
    chance, trail = random.Random(seed), Trail()
    for _ in range(4):
        for _ in range(chance.randint(1, 12)):
            unit = f"unit:{len(trail.events)}"
            if chance.random() < 0.5:
                counts = {"records": chance.randint(1, 99), "merged": 1}
                add_event(trail, "unit.done", unit, feed="tax.taxpayer", **counts)
                trail.rows.append({"action": "unit.done", "object": unit, "values": dict(counts)})
            else:
                add_event(trail, "delivery.landed", unit, feed="tax.taxpayer")
        seal(trail)
    return trail


# what a person with full rights over the database, but without the key, could do ----------------


def flip_a_bit(trail: Trail, chance: random.Random) -> None:
    event = chance.choice(trail.events)
    column = chance.choice(["body", "salt", "leaf", "micros", "event_id"])
    if isinstance(event[column], int):
        event[column] ^= 1 << chance.randint(0, 40)
        return
    at = chance.randrange(len(event[column]))
    digits = "0123456789abcdef" if column != "body" else "0123456789abcdefghijk"
    other = chance.choice([digit for digit in digits if digit != event[column][at]])
    event[column] = event[column][:at] + other + event[column][at + 1 :]


def flip_a_bit_of_a_checkpoint(trail: Trail, chance: random.Random) -> None:
    row = chance.choice(trail.checkpoints)
    column = chance.choice(["root", "note", "signed_at", "size"])
    if isinstance(row[column], int):
        row[column] += chance.choice([-1, 1])
        return
    at = chance.randrange(len(row[column].rstrip()))
    other = chance.choice([digit for digit in "0123456789abcdef" if digit != row[column][at]])
    row[column] = row[column][:at] + other + row[column][at + 1 :]


def delete_an_event(trail: Trail, chance: random.Random) -> None:
    event = chance.choice(trail.events)
    event.update(event_id=None, micros=0, salt="", body="")


def delete_an_event_with_its_seal(trail: Trail, chance: random.Random) -> None:
    trail.events.remove(chance.choice(trail.events))


def delete_an_event_and_close_the_gap(trail: Trail, chance: random.Random) -> None:
    delete_an_event_with_its_seal(trail, chance)
    for seq, event in enumerate(trail.events, start=1):
        event["seq"] = seq


def delete_a_seal_only(trail: Trail, chance: random.Random) -> None:
    event = chance.choice(trail.events)
    trail.events.remove(event)
    trail.events.append({**event, "seq": None, "leaf": None})


def swap_two_events(trail: Trail, chance: random.Random) -> None:
    one, other = chance.sample(trail.events, 2)
    whole = ("event_id", "micros", "salt", "body", "leaf")
    for column in chance.choice([("body",), ("salt", "body"), whole]):
        one[column], other[column] = other[column], one[column]


def truncate(trail: Trail, chance: random.Random) -> None:
    kept = chance.choice(trail.checkpoints[:-1])["size"]
    trail.events = trail.events[:kept]
    trail.checkpoints = [row for row in trail.checkpoints if row["size"] <= kept]
    told = {json.loads(event["body"])["object"] for event in trail.events}
    trail.rows = [row for row in trail.rows if row["object"] in told]


def truncate_everything(trail: Trail, chance: random.Random) -> None:
    trail.events, trail.checkpoints, trail.rows = [], [], []


def change_and_rehash_everything(trail: Trail, chance: random.Random) -> None:
    event = chance.choice(trail.events)
    event["body"] = event["body"].replace('"actor":"night"', '"actor":"other"')
    trail.rehash()


def change_and_sign_with_another_key(trail: Trail, chance: random.Random) -> None:
    chance.choice(trail.events)["salt"] = "00" * 32
    trail.rehash(keys=OTHER)


def forge_a_time_and_rehash_everything(trail: Trail, chance: random.Random) -> None:
    chance.choice(trail.events)["micros"] -= chance.choice([1, SECOND, HOUR, 24 * HOUR])
    trail.rehash()


def insert_an_event(trail: Trail, chance: random.Random) -> None:
    place = chance.randint(0, len(trail.events))
    forged = {**chance.choice(trail.events), "event_id": 900}
    trail.events.insert(place, forged)
    trail.rehash()


def append_an_unsigned_event(trail: Trail, chance: random.Random) -> None:
    add_event(trail, "delivery.landed", "delivery:900")


def remove_a_checkpoint(trail: Trail, chance: random.Random) -> None:
    trail.checkpoints.remove(chance.choice(trail.checkpoints))


def change_a_row(trail: Trail, chance: random.Random) -> None:
    chance.choice(trail.rows)["values"]["records"] += 1


def delete_a_row(trail: Trail, chance: random.Random) -> None:
    trail.rows.remove(chance.choice(trail.rows))


def add_a_row(trail: Trail, chance: random.Random) -> None:
    trail.rows.append({"action": "unit.done", "object": "unit:900", "values": {}})


def cut_a_witness(trail: Trail, chance: random.Random) -> None:
    del chance.choice(trail.witnesses)[-chance.randint(2, 4) :]


def remove_a_line_of_a_witness(trail: Trail, chance: random.Random) -> None:
    del chance.choice(trail.witnesses)[chance.randint(0, 2)]


TAMPERINGS: tuple[Callable[[Trail, random.Random], None], ...] = (
    flip_a_bit,
    flip_a_bit_of_a_checkpoint,
    delete_an_event,
    delete_an_event_with_its_seal,
    delete_an_event_and_close_the_gap,
    delete_a_seal_only,
    swap_two_events,
    truncate,
    truncate_everything,
    change_and_rehash_everything,
    change_and_sign_with_another_key,
    forge_a_time_and_rehash_everything,
    insert_an_event,
    append_an_unsigned_event,
    remove_a_checkpoint,
    change_a_row,
    delete_a_row,
    add_a_row,
    cut_a_witness,
    remove_a_line_of_a_witness,
)

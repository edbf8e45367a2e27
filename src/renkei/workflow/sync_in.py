"""sync_in: pull, land, judge; each delivery is then merged by itself."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei import mapping as mappings
from renkei import snapshot
from renkei.audit import events
from renkei.clock import Clock
from renkei.errors import Hold, RenkeiError, Stop
from renkei.failpoint import failpoint
from renkei.language import say
from renkei.model import Delivery, Feed, UnitCounts
from renkei.project import Project
from renkei.registry import control, lease, order
from renkei.vault.typed import refuse_number
from renkei.workflow import contract
from renkei.workflow.remap import approved_anew, remap
from renkei.workflow.run import Accepted, Work, run_of
from renkei.workflow.unit import is_whole, mapped_otherwise, merge_delivery, tell


@dataclass(frozen=True, kw_only=True)
class SyncResult:
    """What one run of a feed did. ``delivered`` says whether the feed now speaks for ``as_of``."""

    run_id: uuid.UUID
    feed: str
    as_of: date
    state: str
    delivered: bool
    counts: UnitCounts
    units: tuple[int, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    stages: tuple[Mapping[str, Any], ...] = ()
    reasons: tuple[RenkeiError, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Ids and counts only, small enough for any scheduler."""
        return {
            "run_id": str(self.run_id),
            "feed": self.feed,
            "as_of": self.as_of.isoformat(),
            "state": self.state,
            "delivered": self.delivered,
            "units": list(self.units),
            "refused": list(self.refused),
            **vars(self.counts),
        }


def sync_in(
    project: Project,
    feed_id: str,
    *,
    as_of: date,
    actor: str,
    trigger: str,
    clock: Clock | None = None,
    release: bool = False,
    accept: str | None = None,
    resnapshot: str | None = None,
) -> SyncResult:
    """Fetch what a feed has, land it, and merge it; running it again changes nothing.

    With ``release`` what was held or refused for the day is judged again, under today's declarations; with
    ``accept``, a reason, what it was held for is taken and is the measure from then on; what else breaks its
    feed's contract still holds it. With ``resnapshot``, a reason, the place reached in the source is given up
    and the source read whole.

    A delivery that breaks its own control is refused and the others go on; the run then ends ``held``.
    Raises TryAgain when the link is down or another run holds the feed, Stop when nothing may be read,
    FixDeclaration E_NUMBER_TYPED where a reason holds an individual number.
    """
    refuse_number(accept, resnapshot)
    with run_of(
        project, kind="sync_in", target=feed_id, as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        mapping = work.project.mapping(feed_id)
        notes: tuple[str, ...] = ()
        if release:
            _release(work, feed_id, accept=accept)
        remap(work, mapping)
        _merge_waiting(work, mapping)
        if resnapshot is not None:
            _give_up_position(work, feed_id, reason=resnapshot)
        with work.stage("pull"):
            notes = _pull(work, mapping)
        _merge_waiting(work, mapping)
        return result_of(work, feed_id, (*notes, *_mapped_otherwise(work, mapping)))


def _give_up_position(work: Work, feed_id: str, *, reason: str) -> None:
    """The next pull starts a new epoch: what it brings is compared with all that is known."""
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        epoch = control.start_epoch(connection, feed_id)
        events.record(
            connection,
            action="feed.resnapshot",
            actor=work.actor,
            object=f"feed:{feed_id}",
            detail={"epoch": epoch, "reason": reason, "run_id": str(work.run_id)},
        )


def _release(work: Work, feed_id: str, *, accept: str | None) -> None:
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        for delivery_id, facts in control.release_deliveries(connection, feed_id, work.as_of).items():
            events.record(
                connection,
                action="delivery.released",
                actor=work.actor,
                object=f"delivery:{delivery_id}",
                detail={"feed": feed_id, "run_id": str(work.run_id)},
            )
            if accept:
                work.accepted[delivery_id] = Accepted(reason=accept, told=contract.told_of(facts))


def result_of(work: Work, feed_id: str, notes: tuple[str, ...]) -> SyncResult:
    """What the run has done so far."""
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, feed_id)
        delivered = cursor is not None and cursor.as_of >= work.as_of
        if not delivered and not work.refused:
            # judged by an earlier run and still waiting for a person: this run is no better off
            work.refused += control.apart(connection, feed_id, work.as_of)
    if work.counts.withheld:
        missing = say(
            f"{work.counts.withheld} 件が届いていませんが、消除していません: 要確認の取込エラーへ",
            f"{work.counts.withheld} records are missing and not ended: see the suspect rejects",
        )
        notes = (*notes, missing)
    return SyncResult(
        run_id=work.run_id,
        feed=feed_id,
        as_of=work.as_of,
        state="held" if work.refused else "done",
        delivered=delivered,
        counts=work.counts,
        units=tuple(work.units),
        refused=tuple(work.refused),
        notes=(*notes, *work.notes),
        stages=tuple(work.stages),
        reasons=tuple(work.reasons),
    )


def _mapped_otherwise(work: Work, mapping: mappings.Mapping) -> tuple[str, ...]:
    """Parts bring only what changed; the rest stays as its day's mapping made it until it is read again."""
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, mapping.feed.id)
    if cursor is None or mapping.feed.delivers == "full":
        return ()
    others = mapped_otherwise(snapshot.found(work.landing, cursor.snapshot), mapping.digest)
    if not others:
        return ()
    again = f'renkei run {mapping.feed.id} --resnapshot "new mapping"'
    return (
        say(
            f"{others} 件は以前の対応表のままです。{again} で読み直します",
            f"{others} records are still as an earlier mapping made them: {again} reads them again",
        ),
    )


# pull and land -----------------------------------------------------------------------------------


def _pull(work: Work, mapping: mappings.Mapping) -> tuple[str, ...]:
    feed = mapping.feed
    workdir = work.project.var / "work" / feed.id
    connector = work.project.connector(feed, workdir=workdir)
    since = control.checkpoint(work.engine, feed.id)
    known, landed = dict(since.position["seen"]), 0
    for delivery in connector.pull(feed, since):
        landed += 1
        delivery = _with_own_files(replace(delivery, is_whole=is_whole(delivery, feed)), known)
        if not _land(work, feed, delivery):
            break
    if not landed and feed.delivers == "delta" and feed.format["kind"] == "arrow":
        _land_nothing_new(work, feed, workdir=workdir)
    return tuple(getattr(connector, "notes", ()))


def _with_own_files(delivery: Delivery, known: dict[str, Any]) -> Delivery:
    """The delivery with only the files that it was made of; ``known`` then holds them too."""
    seen = delivery.position.get("seen", {})
    own = {name: entry for name, entry in seen.items() if known.get(name) != entry}
    known.update(own)
    return replace(delivery, position={**delivery.position, "seen": own})


def _land_nothing_new(work: Work, feed: Feed, *, workdir: Path) -> None:
    """A source that was asked and had nothing new has spoken for the day: a delivery without rows says so."""
    with work.engine.connect() as connection:
        cursor = control.cursor_of(connection, feed.id)
        waits = bool(control.apart(connection, feed.id, work.as_of))
        is_told = not order.speaks_in_files(connection, feed.id)
    if cursor is None or cursor.as_of >= work.as_of or waits or not is_told:
        return
    place = workdir / "nothing-new"
    schema = pa.schema([(column["name"], pa.string()) for column in feed.format["columns"]])
    with pa.OSFile(str(place), "wb") as file, pa.ipc.new_file(file, schema):
        pass
    data = place.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    position = cursor.position
    _land(
        work,
        feed,
        Delivery(
            feed=feed.id,
            name="nothing new",
            path=place,
            bytes=len(data),
            sha256=digest,
            records=0,
            position=position,
            is_whole=False,
        ),
    )


def _land(work: Work, feed: Feed, delivery: Delivery) -> bool:
    """Raw bytes first, then the row that names them; False where what follows would be judged in vain."""
    if delivery.as_of is None and delivery.remote_modified is None:
        delivery = _named_by_day(work, delivery)
        if feed.delivers == "full" and _is_held_already(work, delivery):
            delivery.path.unlink(missing_ok=True)
            return True
    if feed.delivers == "delta" and delivery.remote_modified is None and _is_apart_already(work, delivery):
        delivery.path.unlink(missing_ok=True)
        return False
    work.landing.adopt(delivery.path, sha256=delivery.sha256)
    now = work.clock.now()
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        control.insert_object(connection, delivery.sha256, size=delivery.bytes, now=now)
        if control.insert_delivery(connection, delivery, run_id=work.run_id, now=now):
            events.record(
                connection,
                action="delivery.landed",
                actor=work.actor,
                object=f"object:{delivery.sha256}",
                detail={"feed": delivery.feed, "bytes": delivery.bytes, "run_id": str(work.run_id)},
            )
    failpoint("delivery.inserted")
    delivery.path.unlink(missing_ok=True)
    return True


def _named_by_day(work: Work, delivery: Delivery) -> Delivery:
    """A query has no name of its own for what it answered: its day and a number stand in."""
    with work.engine.connect() as connection:
        begun = f"{delivery.name}@{work.as_of}#"
        number = order.deliveries_named(connection, delivery.feed, begun) + 1
    return replace(delivery, as_of=work.as_of, name=f"{begun}{number}")


def _is_held_already(work: Work, delivery: Delivery) -> bool:
    """True when the answer is the very one that the registry now holds for the day."""
    with work.engine.connect() as connection:
        return control.holds(connection, delivery.feed, sha256=delivery.sha256, as_of=work.as_of)


def _is_apart_already(work: Work, delivery: Delivery) -> bool:
    """True when the very same waits for a person: the source is asked again and again from the same place."""
    with work.engine.connect() as connection:
        code = order.judged_alike(
            connection, delivery, as_of=delivery.as_of or work.as_of, project_digest=work.project.digest
        )
    work.refused += [code] if code else []
    return code is not None


# judge and merge ---------------------------------------------------------------------------------


def _merge_waiting(work: Work, mapping: mappings.Mapping) -> None:
    for landed in control.waiting(work.engine, mapping.feed.id):
        try:
            if not _set_apart(work, mapping, landed):
                merge_delivery(work, mapping, landed, anew=approved_anew(work, mapping, landed))
        except Hold as held:
            _refuse(work, landed, held, verdict="held")
        except Stop as refused:
            if refused.code in _OURS or _is_not_of(landed, refused):
                raise
            _refuse(work, landed, refused, verdict="refused")


#: Faults of this hub, not of the delivery: the delivery stays landed and is taken up by the next run.
_OURS = frozenset(
    {
        *("E_DISK", "E_FENCED", "E_DATABASE", "E_AUTH", "E_HOSTKEY"),
        *("E_SECRET_KEY", "E_TOKEN_KEY", "E_VAULT_SETUP", "E_VAULT_SEALED"),
    }
)


def _is_not_of(landed: control.Landed, refused: Stop) -> bool:
    """A damaged delivery can be fetched again; a damaged snapshot cannot."""
    return refused.code == "E_OBJECT_DAMAGED" and refused.facts.get("sha256") != landed.sha256


def _set_apart(work: Work, mapping: mappings.Mapping, landed: control.Landed) -> bool:
    """True when the bytes are already merged; Hold for a known name with other bytes, or out of turn."""
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        # of a feed of parts the same bytes may well say something new: that it is so again
        repeats = landed.is_whole and (landed.is_file or mapping.feed.delivers == "full")
        original = control.same_content(connection, landed) if repeats else None
        if original is not None:
            control.judge(connection, landed, "duplicate", duplicate_of=original)
            tell(connection, work, "delivery.duplicate", landed, {"of": original})
            return True
        resends = bool(mapping.feed.settings.get("allow_resend", False))
        if landed.is_file and not resends and control.name_is_taken(connection, landed):
            raise Hold("E_NAME_REUSED", feed=landed.feed)
        if not landed.is_whole and not landed.is_file and order.follows_apart(connection, landed):
            raise Hold("E_FOLLOWS_HELD", feed=landed.feed)
    return False


def _refuse(work: Work, landed: control.Landed, error: RenkeiError, *, verdict: str) -> None:
    work.refused.append(error.code)
    work.reasons.append(error)
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        control.judge(connection, landed, verdict, code=error.code, facts=error.facts)
        tell(connection, work, f"delivery.{verdict}", landed, {"code": error.code})

"""Offering a file in a bucket: whole or not at all, never over another one, and its marker last.

No temporary name is needed: an object appears only when all of it is there.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renkei.errors import FixDeclaration, TryAgain
from renkei.model import Effect, Feed, Outgoing, Receipt
from renkei.part import offered_of

if TYPE_CHECKING:
    from .object_store_link import Link

#: Bytes of one part of a large object; the store asks for five megabytes or more.
PART = 16 << 20
_MARKERS = ("nothing", "manifest")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A file and where it goes: the keys of the object and of its marker (empty: none), what both hold."""

    push_key: str
    file: Path
    key: str
    marker: str
    marker_bytes: bytes
    size: int
    sha256: str
    multipart: int


def offer_of(feed: Feed, outgoing: Outgoing, *, base: str) -> Offer:
    """What a feed's settings make of an outgoing file."""
    given, offered = feed.settings, offered_of(feed, outgoing, base=base)
    holds = given.get("done_holds", _MARKERS[0])
    problems = [f"an object store knows no {name}" for name in ("inbox", "replace") if given.get(name)]
    if holds not in _MARKERS:
        problems.append(f"done_holds is not one of {', '.join(_MARKERS)}")
    if problems:
        raise FixDeclaration("E_DECLARATION", problems="; ".join(f"{feed.id}: {each}" for each in problems))
    size, sha256 = offered.file.stat().st_size, _hash_of(offered.file)
    told = json.dumps({"name": outgoing.name, "bytes": size, "sha256": sha256}, ensure_ascii=False)
    return Offer(
        push_key=outgoing.key, file=offered.file, key=offered.path.lstrip("/"),
        marker=offered.done.lstrip("/"), marker_bytes=told.encode() if holds == "manifest" else b"",
        size=size, sha256=sha256, multipart=int(given.get("multipart", 64 << 20)),
    )  # fmt: skip


def push(link: "Link", offer: Offer) -> Receipt:
    """Put the object and then its marker, each only where there is none."""
    effects: list[Effect] = []
    try:
        effects.append(_put_file(link, offer))
        if offer.marker and effects != ["conflict"]:
            effects.append(_put(link, offer.marker, offer.marker_bytes, {"key": offer.push_key}))
    except TryAgain as lost:
        if lost.code == "E_LINK_DOWN" and "applied" not in effects:
            raise  # nothing was begun
        effects.append("unknown")
    whole: Effect = next((each for each in _GRAVEST if each in effects), "already")
    return Receipt(key=offer.push_key, effect=whole, bytes=offer.size, sha256=offer.sha256)


_GRAVEST: tuple[Effect, ...] = ("unknown", "conflict", "applied")


def _put_file(link: "Link", offer: Offer) -> Effect:
    about = {"key": offer.push_key}
    if offer.size >= offer.multipart:
        return _put_in_parts(link, offer, about)
    with offer.file.open("rb") as file:
        return _put(link, offer.key, file, about, sha256=offer.sha256)


def _put(
    link: "Link", key: str, body: Any, about: Mapping[str, str], *, sha256: str = ""  # noqa: ANN401 - bytes or a file
) -> Effect:  # fmt: skip
    """One object in one request, unless there is one; then its bytes decide what it means."""
    sha256 = sha256 or hashlib.sha256(body).hexdigest()
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    try:
        link.once(
            "put_object", Key=key, Body=body, IfNoneMatch="*", ChecksumSHA256=checksum,
            Metadata=_metadata(about, sha256), **link.bucket.sse,
        )  # fmt: skip
    except link.Unmet:
        return _compared(link, key, sha256)
    return "applied"


def _put_in_parts(link: "Link", offer: Offer, about: Mapping[str, str]) -> Effect:
    """A large object in parts; it appears only when the last request is accepted."""
    if _stands(link, offer.key) is not None:
        return _compared(link, offer.key, offer.sha256)
    made = link.once(
        "create_multipart_upload", Key=offer.key, ChecksumAlgorithm="SHA256",
        Metadata=_metadata(about, offer.sha256), **link.bucket.sse,
    )  # fmt: skip
    upload = {"Key": offer.key, "UploadId": made["UploadId"]}
    try:
        with _aborted(link, upload):
            parts = [_part(link, upload, number, data) for number, data in _parts_of(offer.file)]
            link.once(
                "complete_multipart_upload", **upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
    except link.Unmet:
        return _compared(link, offer.key, offer.sha256)
    return "applied"


@contextmanager
def _aborted(link: "Link", upload: Mapping[str, str]) -> Iterator[None]:
    """On any fault the parts that were sent are thrown away, as far as the link allows."""
    try:
        yield
    except BaseException:
        # where the link is down, the store's own rule for unfinished uploads clears them later
        with suppress(TryAgain, link.Missing):
            link.once("abort_multipart_upload", **upload)
        raise


def _part(link: "Link", upload: Mapping[str, str], number: int, data: bytes) -> dict[str, Any]:
    checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
    sent = link.once("upload_part", **upload, PartNumber=number, Body=data, ChecksumSHA256=checksum)
    return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}


def _parts_of(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as source:
        number = 0
        while data := source.read(PART):
            number += 1
            yield number, data


def _compared(link: "Link", key: str, sha256: str) -> Effect:
    return "already" if _stands(link, key) == sha256 else "conflict"


def _stands(link: "Link", key: str) -> str | None:
    """The hash of all the bytes under a key, read to their end; None where there is nothing."""
    try:
        body = link.ask("get_object", Key=key)["Body"]
    except link.Missing:
        return None
    digest = hashlib.sha256()
    for data in link.blocks(body):
        digest.update(data)
    return digest.hexdigest()


def _metadata(about: Mapping[str, str], sha256: str) -> dict[str, str]:
    """The push key as a hash: metadata is for letters of ASCII only."""
    return {"renkei-push": hashlib.sha256(about["key"].encode()).hexdigest()[:32], "renkei-sha256": sha256}


def _hash_of(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()

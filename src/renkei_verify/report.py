"""A report that was handed over: its files are those that its sums name, and the trail knows the sums."""

from hashlib import file_digest, sha256
from pathlib import Path
from typing import NamedTuple

SUMS = "SHA256SUMS"


class Published(NamedTuple):
    """A report's folder as it is found: the digest of its sums, and what in it does not fit them."""

    name: str
    digest: str
    faults: tuple[str, ...]


def read_report(folder: Path) -> Published:
    """Hash every file of the folder again; ``ValueError`` where there are no sums to hold them against."""
    sums = (folder / SUMS).read_bytes()
    lines = (line.partition("  ") for line in sums.decode("utf-8").splitlines())
    stated = {name: digest for digest, _, name in lines}
    if not stated:
        raise ValueError(f"{folder} names no file")
    found = {place.name: place for place in folder.iterdir() if place.name != SUMS}
    strange = found.keys() - stated.keys()
    changed = {name for name, digest in stated.items() if name in found and _hash(found[name]) != digest}
    faults = sorted(strange | changed | (stated.keys() - found.keys()))
    return Published(folder.name, sha256(sums).hexdigest(), tuple(faults))


def _hash(place: Path) -> str:
    with place.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()

"""Bytes ↔ Arrow, one module a kind of file: read whole or refused with a code, written whole or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from renkei.model import Batch

#: Kind of file, as declared → the module that knows it.
KINDS = {
    "arrow": "renkei.formats.arrow",
    "cobol": "renkei.formats.cobol",
    "csv": "renkei.formats.csv",
    "fixed": "renkei.formats.fixed",
    "xml": "renkei.formats.xml",
    "zengin": "renkei.formats.zengin",
}


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file that was written: its records, size and hash, what was set aside, and what changed in writing.

    ``rejects`` has the columns of ``REJECT_SCHEMA``, ``losses`` those of ``LOSS_SCHEMA``.
    """

    records: int
    bytes: int
    sha256: str
    rejects: pa.Table
    losses: pa.Table


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read one delivery as its feed's format declares. Raises Stop when the file as a whole is not sound."""
    if "set" in declaration:
        from renkei.formats import file_set

        return file_set.read(path, declaration, feed=feed)
    batch: Batch = kind_of(declaration["kind"]).read(path, declaration, feed=feed)
    return batch


def write(
    table: pa.Table,
    declaration: Mapping[str, Any],
    path: Path,
    *,
    feed: str,
    control: Mapping[str, str] | None = None,
) -> Written:
    """Write text columns as the format declares; ``control`` gives header values that nothing computes.

    A record that cannot be written as it is, is set aside; nothing is cut or replaced. The file is whole and
    on disk when this returns.
    """
    written: Written = kind_of(declaration["kind"]).write(
        table, declaration, path, feed=feed, control=control or {}
    )
    return written


def kind_of(kind: str) -> ModuleType:
    """The module of one kind of file; only it is imported."""
    return import_module(KINDS[kind])

"""Bytes → Arrow: fixed-length CP932 records, XML and Arrow files, read whole or refused with a code."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from renkei.model import Batch

Reader = Callable[..., Batch]


def read(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Batch:
    """Read one delivery as its feed's format declares. Raises Stop when the file as a whole is not sound."""
    return _reader(declaration["kind"])(path, declaration, feed=feed)


def _reader(kind: str) -> Reader:
    if kind == "fixed":
        from renkei.formats import fixed

        return fixed.read
    if kind == "xml":
        from renkei.formats import xml

        return xml.read
    from renkei.formats import arrow

    return arrow.read

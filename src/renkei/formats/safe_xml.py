"""The one door to lxml. Nothing is expanded, nothing is fetched, and size and depth have limits.

A DOCTYPE is refused by reading the prolog as bytes, before any parser sees the file: refusing entities
inside the parser would lose an element's text without an error.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from lxml import etree

from renkei.errors import Stop

#: libxml2's numbers for bytes that are not the declared encoding, and for its own limits.
_ENCODING_ERRORS = frozenset({81, 9, 31, 32})
_LIMIT_ERRORS = frozenset({110, 114})
_CHUNK = 1 << 16
_PROLOG_LIMIT = 1 << 16
_PROLOG_PART = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_ENCODING = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large and how deep a file may be."""

    bytes: int = 4 << 30
    depth: int = 8


def admit(path: Path, *, limits: Limits, feed: str) -> None:
    """Look at the size and the prolog only; Stop when the file must not reach a parser."""
    if path.stat().st_size > limits.bytes:
        raise Stop("E_XML_LIMIT", feed=feed, limit=f"bytes={limits.bytes}")
    with path.open("rb") as file:
        prolog = file.read(_PROLOG_LIMIT).removeprefix(b"\xef\xbb\xbf")
    declared = _ENCODING.match(prolog)
    encoding = declared[1].decode("ascii", "replace") if declared else "UTF-8"
    if encoding.upper() not in ("UTF-8", "UTF8", "US-ASCII") or b"\0" in prolog:
        _refuse_encoding(feed)
    _admit_prolog(prolog, feed=feed)


def _refuse_encoding(feed: str) -> NoReturn:
    raise Stop("E_ENCODING", feed=feed, encoding="UTF-8", rec_no="-", field="-", offset="-")


def _admit_prolog(prolog: bytes, *, feed: str) -> None:
    """Walk declarations and comments up to the first element."""
    at = 0
    while part := _PROLOG_PART.match(prolog, at):
        at = part.end()
    if prolog[at : at + 9].upper() == b"<!DOCTYPE":
        raise Stop("E_XML_DOCTYPE", feed=feed)
    if at + 9 > len(prolog) == _PROLOG_LIMIT or prolog[at : at + 2] in (b"<?", b"<!"):
        raise Stop("E_XML_LIMIT", feed=feed, limit=f"prolog={_PROLOG_LIMIT}")


def tree(path: Path) -> etree._ElementTree:
    """Parse a small file of our own, such as a schema, with the same locks."""
    return etree.parse(str(path), etree.XMLParser(**_SAFE))


def schema(path: Path) -> etree.XMLSchema:
    """Load an XSD from disk, itself read without DTD, entities or network."""
    return etree.XMLSchema(tree(path))


#: What :func:`schema` raises for a file that is no schema.
NotASchema = (etree.XMLSchemaParseError, etree.XMLSyntaxError)


_SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "load_dtd": False,
    "dtd_validation": False,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


class _Silent:
    """A parser target that builds nothing."""

    def close(self) -> None:
        """Be told of the document's end."""


def is_valid(path: Path, schema: etree.XMLSchema, *, feed: str) -> bool:
    """Stream the file through libxml2 and its schema without building a tree.

    False for a schema violation anywhere; Stop when the bytes are no XML at all.
    """
    silent: Any = _Silent()
    parser = etree.XMLParser(target=silent, schema=schema, **_SAFE)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
                if len(parser.feed_error_log):
                    # Lxml's target parser records schema errors here and raises none of them.
                    return _abandon(parser)
        parser.close()
    except etree.XMLSyntaxError as error:
        if _is_schema(error):
            return False
        refuse(error, feed=feed)
    return not len(parser.feed_error_log)


def _abandon(parser: etree.XMLParser) -> bool:
    with suppress(etree.XMLSyntaxError):
        parser.close()
    return False


def _is_schema(error: etree.XMLSyntaxError) -> bool:
    return _number(error) >= 1000


def _number(error: etree.XMLSyntaxError) -> int:
    """libxml2's number of the error; the stubs do not know that it is there."""
    return getattr(error, "code", 0) or 0


def refuse(error: etree.XMLSyntaxError, *, feed: str) -> NoReturn:
    """Translate libxml2's error; its own message quotes the data and is dropped."""
    if _number(error) in _ENCODING_ERRORS:
        _refuse_encoding(feed)
    if _number(error) in _LIMIT_ERRORS:
        raise Stop("E_XML_LIMIT", feed=feed, limit="libxml2") from None
    raise Stop("E_XML_SYNTAX", feed=feed, line=error.lineno or 0) from None


def records(path: Path, record: str, *, limits: Limits, feed: str) -> Iterator[etree._Element]:
    """Each record element (by local name), whole, then dropped; last the root with what is left in it."""
    depth = 0
    element = None
    try:
        with path.open("rb") as file:
            for event, element in etree.iterparse(file, events=("start", "end"), **_SAFE):
                depth += 1 if event == "start" else -1
                if depth > limits.depth:
                    raise Stop("E_XML_LIMIT", feed=feed, limit=f"depth={limits.depth}")
                if event == "end" and depth == 1 and element.tag.rpartition("}")[2] == record:
                    yield element
                    _drop(element)
    except etree.XMLSyntaxError as error:
        refuse(error, feed=feed)
    if element is not None:
        yield element


def _drop(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        if element.tail and element.tail.strip():
            # text between records is for the envelope to judge
            parent.text = (parent.text or "") + element.tail
        parent.remove(element)


def root_attributes(path: Path, *, feed: str) -> dict[str, str]:
    """The root's attributes, read at its start tag; names as ``@name``."""
    try:
        with path.open("rb") as file:
            for _, element in etree.iterparse(file, events=("start",), **_SAFE):
                return attributes(element)
    except etree.XMLSyntaxError as error:
        refuse(error, feed=feed)
    return {}


def attributes(element: etree._Element) -> dict[str, str]:
    """Attributes of an element; names as ``@name``."""
    return {"@" + str(name): str(value) for name, value in element.attrib.items()}

"""XML in the encodings of Windows and mainframes, as the UTF-8 that both parsers read.

``Shift_JIS`` on a file from Windows means CP932 (髙 ① ～ are in it); the bundled libxml2 takes it by the
letter and knows no ``Windows-31J`` at all. So the bytes are decoded here, strictly, and the declaration goes.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from renkei.errors import Stop
from renkei.formats import encodings

#: Our name of an encoding → what a file may call it.
CALLED = {
    "utf-8": ("UTF-8", "UTF8", "US-ASCII"),
    "cp932": ("SHIFT_JIS", "SHIFT-JIS", "WINDOWS-31J", "MS932", "CP932", "X-SJIS", "CSWINDOWS31J"),
    "euc-jp": ("EUC-JP", "EUCJP", "X-EUC-JP", "EUCJP-MS"),
    "utf-16": ("UTF-16", "UTF-16LE", "UTF-16BE"),
}
_CHUNK = 1 << 20
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*?\?>")
_ENCODING = re.compile(r"""encoding\s*=\s*["']([^"']+)["']""")


@contextmanager
def as_utf8(path: Path, declaration: Mapping[str, Any], *, feed: str) -> Iterator[Path]:
    """The file itself when it is declared as UTF-8, else its text in a private temporary file."""
    name = str(declaration.get("encoding", "utf-8"))
    if name == "utf-8":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="renkei-xml-") as folder:
        plain = Path(folder, "delivery.xml")
        with path.open("rb") as source, plain.open("wb") as target:
            for number, text in enumerate(_texts(source, declaration, name, feed=feed)):
                text = _undeclared(text, name, feed=feed) if not number else text
                target.write(text.encode())
        yield plain


def told_where(refused: Stop, path: Path, declaration: Mapping[str, Any], *, record: str, feed: str) -> Stop:
    """The refusal of bytes that are no text, with their place in the file and in which record that is."""
    name = str(declaration.get("encoding", "utf-8"))
    if name == "utf-16":
        return refused
    try:
        with path.open("rb") as source:
            for _ in _texts(source, {"encoding": "utf-8", **declaration}, name, feed=feed):
                pass
    except Stop as placed:
        number = _begun(path, encodings.named(name).encode(record), before=placed.facts["offset"])
        return Stop("E_ENCODING", **{**placed.facts, "rec_no": number})
    return refused


def _begun(path: Path, record: bytes, *, before: int) -> int:
    """How many elements of this name begin before a place; ``<`` is never a second byte here."""
    start = re.compile(rb"<(?:[^\s<>/:!?]+:)?" + re.escape(record) + rb"[\s/>]")
    count, held, left = 0, b"", before
    with path.open("rb") as source:
        while left and (chunk := source.read(min(_CHUNK, left))):
            left -= len(chunk)
            held += chunk
            cut = held.rfind(b">") + 1
            count += len(start.findall(held[:cut]))
            held = held[cut:]
    return count + len(start.findall(held))


def _texts(source: IO[bytes], declaration: Mapping[str, Any], name: str, *, feed: str) -> Iterator[str]:
    """The text in pieces that end after a ``>``, which is no second byte in any of these encodings."""
    decode = _utf16(source) if name == "utf-16" else encodings.of(declaration).decode
    held, before = b"", 0
    while chunk := source.read(_CHUNK):
        held += chunk
        cut = len(held) // 2 * 2 if name == "utf-16" else held.rfind(b">") + 1
        yield _decoded(decode, held[:cut], before, name, feed=feed)
        before += cut
        held = held[cut:]
    yield _decoded(decode, held, before, name, feed=feed, is_last=True)


def _decoded(
    decode: Any,  # noqa: ANN401 - a codec's function
    raw: bytes,
    before: int,
    name: str,
    *,
    feed: str,
    is_last: bool = False,
) -> str:
    """What is left of half a character at the end is no text: only UTF-16 waits for the other half."""
    try:
        return str(decode(raw, is_last) if name == "utf-16" else decode(raw))
    except UnicodeDecodeError as error:
        _refuse(feed, name, before + error.start)


def _utf16(source: IO[bytes]) -> Any:  # noqa: ANN401 - a codec's function
    """A decoder by the file's byte order mark that holds a surrogate cut in two; without a mark none fits."""
    import codecs

    mark = source.read(2)
    order = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(mark)
    return codecs.getincrementaldecoder(order)().decode if order else _no_mark


def _no_mark(raw: bytes, is_last: bool) -> NoReturn:  # noqa: FBT001 - as an incremental decoder is called
    del is_last
    raise UnicodeDecodeError("utf-16", raw[:2], 0, 1, "no byte order mark")


def _undeclared(text: str, name: str, *, feed: str) -> str:
    """The text without its declaration, which must not name another encoding than the mapping does."""
    found = _DECLARATION.match(text)
    called = _ENCODING.search(found[0]) if found else None
    if called and called[1].upper() not in CALLED[name]:
        _refuse(feed, name, called.start())
    return text[found.end() :] if found else text


def _refuse(feed: str, name: str, offset: int) -> NoReturn:
    raise Stop("E_ENCODING", feed=feed, encoding=name, rec_no="-", field="-", offset=offset) from None

"""JSON as the standard systems write it: read without losing a digit, refused when it is not one meaning.

Numbers stay the text that was written (``1.10``, ``007`` is refused as JSON refuses it), a member that occurs
twice is refused, and so are NaN, a depth past the limit and text that is no Unicode. A column is a path of
member names, ``name.kana``; one that may be left out ends in ``?``.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

#: A path to a member, from the outside in.
Path = tuple[str, ...]

#: A string, or one that never ends; nothing is tried twice, so a page of quotes takes no longer than another.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?+\Z)', re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class Number(str):
    """A number as it was written: text to us, a number again when it is written back."""

    __slots__ = ()


class Unreadable(ValueError):
    """What is wrong with an answer, said without quoting it."""


def parse(data: bytes, *, depth: int) -> Any:  # noqa: ANN401 - JSON is anything
    """The value that ``data`` holds; raises Unreadable."""
    if _deepest(data) > depth:
        raise Unreadable(f"it is nested deeper than {depth}")
    try:
        return json.loads(
            data.removeprefix(b"\xef\xbb\xbf").decode("utf-8"),
            parse_int=Number, parse_float=Number, parse_constant=_no_constant, object_pairs_hook=_once,
        )  # fmt: skip
    except Unreadable:
        raise
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(f"it is no JSON ({type(wrong).__name__})") from None


def _deepest(data: bytes) -> int:
    """How deep arrays and objects are nested, counted before anything is built."""
    marks = np.frombuffer(_STRING.sub(b"", data), dtype=np.uint8)
    steps = np.isin(marks, (0x5B, 0x7B)).astype(np.int32) - np.isin(marks, (0x5D, 0x7D))
    return int(np.cumsum(steps).max(initial=0))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Unreadable("a member occurs twice")
    return made


def _no_constant(_: str) -> None:
    raise Unreadable("it holds NaN or Infinity")


# paths --------------------------------------------------------------------------------------------


def path_of(text: str) -> Path:
    """``a.b`` as a path; the empty text is the whole."""
    return tuple(text.removesuffix("?").split(".")) if text else ()


def at(value: object, path: Path) -> Any:  # noqa: ANN401 - JSON is anything
    """What lies at a path, or None."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


class Layout:
    """Which members of an item are columns, and which may be there unread; anything else is drift."""

    def __init__(self, columns: Mapping[str, str], ignored: Iterable[str]) -> None:
        self.names = tuple(columns)
        self.paths = {name: path_of(text) for name, text in columns.items()}
        self._optional = frozenset(name for name, text in columns.items() if text.endswith("?"))
        self._known: dict[str, Any] = {}
        for path in self.paths.values():
            self._plant(path, leaf=None)
        for text in ignored:
            self._plant(path_of(text), leaf=...)

    def _plant(self, path: Path, *, leaf: object) -> None:
        here = self._known
        for name in path[:-1]:
            here = here.setdefault(name, {})
        here[path[-1]] = leaf

    def row(self, item: object, *, needed: Iterable[str] | None = None) -> list[str | None]:
        """The columns of one item as text; only ``needed`` ones must be there (all that are not optional)."""
        if not isinstance(item, dict):
            raise Unreadable("an item is no object")
        self._no_strangers(item, self._known)
        must = frozenset(self.names if needed is None else needed) - self._optional
        return [self._text(item, name, must=name in must) for name in self.names]

    def _no_strangers(self, item: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        for name, value in item.items():
            if name not in known:
                raise Unreadable(f"member {name!a:.80} is neither a column nor ignored")
            if isinstance(known[name], dict) and value is not None:
                if not isinstance(value, dict):
                    raise Unreadable(f"member {name!a:.80} is no object")
                self._no_strangers(value, known[name])

    def _text(self, item: Mapping[str, Any], name: str, *, must: bool) -> str | None:
        here: Any = item
        for member in self.paths[name]:
            if here is None:
                return None
            if member not in here:
                if must:
                    raise Unreadable(f"column {name} is missing")
                return None
            here = here[member]
        return as_text(here, name)


def as_text(value: object, name: str) -> str | None:
    """A plain value as text: numbers as written, ``true`` and ``false``, null as None."""
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    if not isinstance(value, str):
        raise Unreadable(f"column {name} holds an object or an array")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Unreadable(f"column {name} holds half a character")
    return str(value)


# writing ------------------------------------------------------------------------------------------


def typed(text: str | None, kind: str) -> Any:  # noqa: ANN401 - JSON is anything
    """A column's text as the JSON value it is declared to be: ``text``, ``number`` or ``boolean``."""
    if text is None or kind == "text":
        return text
    if kind == "boolean" and text in {"true", "false"}:
        return text == "true"
    if kind == "number" and _NUMBER.fullmatch(text):
        return Number(text)
    raise Unreadable(f"it is no {kind}")


def put(whole: dict[str, Any], path: Path, value: object) -> None:
    """Set what lies at a path, making the objects on the way."""
    for name in path[:-1]:
        inner = whole.get(name)
        if not isinstance(inner, dict):
            inner = whole[name] = {}
        whole = inner
    whole[path[-1]] = value


def written(value: object) -> str:
    """JSON text of a value, numbers as they were written."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return _quoted(value)


_quoted: Callable[[object], str] = json.JSONEncoder(ensure_ascii=False).encode

"""Builds HTML and SVG as text: whatever is not markup of ours is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

_VOID = frozenset({"meta", "rect", "line", "path", "br"})


class Markup(str):
    """Text that is already safe markup."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | int | float | None) -> Markup:
    """One element. ``class_`` becomes ``class``, other underscores hyphens; a None attribute is left out."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{named}/>")
    return Markup(f"<{name}{named}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Markup:
    """Children one after another, escaped unless they are markup."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A data table: column headings, and the first cell of each row as the row's heading."""
    head = tag("tr", *(tag("th", text, scope="col") for text in header))
    body = join(
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", text) for text in row[1:])) for row in rows
    )
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body))

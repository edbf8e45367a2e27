"""An XML format as its mapping declares it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from renkei.formats import safe_xml
from renkei.formats.layout import POSITION, Column, Key, columns_of, key_of


@dataclass(frozen=True, kw_only=True)
class Layout:
    """``record`` is the way from the root to the record; ``count`` and ``as_of`` name root attributes.

    ``schema`` judges the whole file, or ``envelope`` the root without its records and ``record_schema`` each
    record. ``lists`` gives the separator that joins an element which a record may hold several times.
    ``namespaces`` are the prefixes that columns use where local names are not enough. Where the layout
    ``evolves``, elements of a record that are not declared are passed over.
    """

    root: str
    record: tuple[str, ...]
    columns: tuple[Column, ...]
    key: Key
    schema: Path | None = None
    envelope: Path | None = None
    record_schema: Path | None = None
    count: str | None = None
    as_of: str | None = None
    limits: safe_xml.Limits = field(default_factory=safe_xml.Limits)
    lists: Mapping[str, str] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    namespace: str | None = None
    encoding: str = "utf-8"
    evolves: bool = False

    @property
    def top(self) -> str:
        """The element right below the root that holds a record, or is one."""
        return self.record[0]

    @property
    def is_plain(self) -> bool:
        """True when one element is one record and local names say everything."""
        return self.schema is not None and len(self.record) == 1 and not self.lists and not self.namespaces

    @cached_property
    def arrow(self) -> pa.Schema:
        """The batch's columns."""
        return pa.schema([*POSITION, *((each.name, pa.string()) for each in self.columns)])


def layout_of(declaration: Mapping[str, Any]) -> Layout:
    """Read the declaration of an XML format."""
    schemas = {name: Path(declaration[name]) for name in _SCHEMAS if name in declaration}
    return Layout(
        root=declaration["root"],
        record=tuple(declaration["record"].split("/")),
        columns=columns_of(declaration["columns"]),
        key=key_of(declaration),
        count=declaration.get("count"),
        as_of=declaration.get("as_of"),
        limits=safe_xml.Limits(**declaration.get("limits", {})),
        lists=declaration.get("lists", {}),
        namespaces=declaration.get("namespaces", {}),
        namespace=declaration.get("namespace"),
        encoding=declaration.get("encoding", "utf-8"),
        evolves=bool(declaration.get("evolves")),
        **schemas,
    )


_SCHEMAS = ("schema", "envelope", "record_schema")

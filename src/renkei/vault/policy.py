"""What ``renkei.toml`` says of the vault for individual numbers (個人番号): nothing, so it is off."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """A task (事務) for which a number may be read, and the article that allows it."""

    code: str
    task: str
    article: str


@dataclass(frozen=True, kw_only=True)
class VaultPolicy:
    """Whether numbers are kept, on what legal basis, how many years after the last record that carries
    them, and for which tasks they may be read.
    """

    is_on: bool = False
    legal_basis: str = ""
    retention_years: int = 0
    purposes: tuple[Purpose, ...] = ()

    def purpose(self, code: str) -> Purpose | None:
        """The purpose of this code, None where it is not declared."""
        return next((each for each in self.purposes if each.code == code), None)


#: No number is received, kept or read.
OFF = VaultPolicy()

_YEARS = re.compile(r"([1-9][0-9]?)y")


def policy_of(text: Mapping[str, Any]) -> VaultPolicy:
    """The policy of a table ``[vault]``; ``ValueError`` says what is missing or cannot be understood."""
    said = text.get("individual_number", "off")
    if said not in ("on", "off"):
        raise ValueError(f'[vault] individual_number: expected "on" or "off", found {said!r}')
    if said == "off":
        return OFF
    purposes = tuple(_purpose(each) for each in text.get("purpose", ()))
    codes = [each.code for each in purposes]
    if not codes or len(set(codes)) < len(codes):
        raise ValueError("[[vault.purpose]]: expected at least one, each code once")
    return VaultPolicy(
        is_on=True,
        legal_basis=_filled(text, "legal_basis", "[vault]"),
        retention_years=_years(_filled(text, "retention", "[vault]")),
        purposes=purposes,
    )


def _purpose(text: Mapping[str, Any]) -> Purpose:
    made = {name: _filled(text, name, "[[vault.purpose]]") for name in ("code", "task", "article")}
    return Purpose(**made)


def _filled(text: Mapping[str, Any], name: str, table: str) -> str:
    value = text.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{table} {name}: expected a text, found {'nothing' if value is None else value!r}")
    return value.strip()


def _years(text: str) -> int:
    found = _YEARS.fullmatch(text)
    if found is None:
        raise ValueError(f'[vault] retention: expected years such as "5y", found {text!r}')
    return int(found[1])

"""What a record says about the field in question, as one line for a person to read."""

from collections.abc import Mapping, Sequence
from typing import Any

from renkei.records import PERSON, PERSON_KEYS, RECORD_TYPES
from renkei.report.labels import label

#: What stands where a restricted person's value would.
WITHHELD = "閲覧制限"

_ADDRESS = {
    "person": ("address", "address_building"),
    "tax": ("mailing_address", "mailing_address_building"),
}
_STANDING = {
    "person": ("resident_status", "date_of_death", "moved_out_on"),
    "tax": ("levy",),
    "benefit": ("benefit_kind", "status", "started_on", "ended_on"),
    "account": ("account_use", "account_changed_on"),
    "property": ("property_kind", "representative_since"),
    "dependant": ("tax_year",),
    "returned_mail": ("return_reason", "returned_on", "resolved_on"),
    "double_entitlement": ("other_insurer", "listed_on", "entitled_from"),
    "representation": ("agent_kind", "started_on", "ended_on"),
}
_HOUSEHOLD = _STANDING | {"person": ("household_number", "relationship")}
_NUMBER = {
    kind.name: ("party_number",)
    if kind is PERSON
    else tuple(c for c in PERSON_KEYS if c in kind.schema.names)
    for kind in RECORD_TYPES.values()
}
_BIRTH = {"person": ("date_of_birth", "date_of_birth_raw"), "benefit": _STANDING["benefit"]}

#: Field of a rule → columns of each record type. A field named like a column needs no entry.
_COLUMNS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "address": _ADDRESS,
    "mailing_address": _ADDRESS,
    "name": {"person": ("full_name", "full_name_kana")},
    "full_name": {"person": ("full_name", "full_name_kana")},
    "full_name_kana": {"person": ("full_name", "full_name_kana")},
    "date_of_birth": _BIRTH,
    "status": _STANDING,
    "ended_on": _STANDING,
    "resident_status": _STANDING,
    "household": _HOUSEHOLD,
    "household_number": _HOUSEHOLD,
    "relationship": _HOUSEHOLD,
    "party_number": _NUMBER,
    "source_key": _NUMBER,
}
#: Columns whose values are codes of ours.
_CODED = frozenset(
    (
        *("resident_status", "relationship", "benefit_kind", "status", "protected", "sex"),
        *("residence_qualification", "account_use", "property_kind", "return_reason", "agent_kind"),
    )
)


def said_of(record: Mapping[str, Any] | None, *, field: str, language: str = "ja") -> str:
    """The record's values for a field, a space between them; empty when it has none."""
    if record is None or record.get("removed"):
        return ""
    shown = [_text(record, column, language) for column in columns_of(record, field=field)]
    return " ".join(text for text in shown if text)


def columns_of(record: Mapping[str, Any], *, field: str) -> Sequence[str]:
    """Which columns answer for a field: the table above, the column itself, or the record's standing."""
    kind = str(record["record"])
    if field in _COLUMNS and kind in _COLUMNS[field]:
        columns = _COLUMNS[field][kind]
    else:
        columns = (field,) if field in record else _STANDING[kind]
    if columns is _BIRTH["person"]:
        return columns[:1] if record.get("date_of_birth") else columns[1:]
    return columns


def _text(record: Mapping[str, Any], column: str, language: str) -> str:
    value = record.get(column)
    if value is None:
        return ""
    return label("value", value, language=language) if column in _CODED else str(value)

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
    "tax": ("levy", "tax_year", "exempt", "not_registered_levy"),
    "benefit": ("benefit_kind", "status", "started_on", "ended_on", "facility_exception"),
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
_ASSESSMENT = {
    **_STANDING,
    "person": (*_STANDING["person"], "moved_in_on"),
    "tax": (*_STANDING["tax"], "disability_deduction"),
}
_MOVING_OUT = {"person": ("resident_status", "moving_out_planned_on", "arrival_notified_on")}
#: Of a record that was made anew: what it is, and of whom.
_NEW = {**_STANDING, "person": ("party_number", "full_name", "date_of_birth")}
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
    "assessment": _ASSESSMENT,
    "arrival_notified_on": _MOVING_OUT,
    "record": _NEW,
    "party_number": _NUMBER,
    "source_key": _NUMBER,
}
#: Columns whose values are codes of ours.
_CODED = frozenset(
    (
        *("resident_status", "relationship", "benefit_kind", "protected", "sex", "levy", "resident_kind"),
        *(
            "protected_kind",
            "residence_qualification",
            "account_use",
            "property_kind",
            "return_reason",
            "agent_kind",
        ),
    )
)


def said_of(record: Mapping[str, Any] | None, *, field: str, language: str = "ja") -> str:
    """The record's values for a field, a space between them; empty when it has none."""
    if record is None or record.get("removed"):
        return ""
    shown = [_text(record, column, field, language) for column in columns_of(record, field=field)]
    if field == "record":
        shown.insert(0, label("record", record["record"], language=language))
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


def says_place(record: Mapping[str, Any], *, field: str) -> bool:
    """True when what the record says of a field is where somebody lives or has mail sent to."""
    return any("address" in column or column == "postal_code" for column in columns_of(record, field=field))


def _text(record: Mapping[str, Any], column: str, field: str, language: str) -> str:
    value = record.get(column)
    if value is None:
        return ""
    if isinstance(value, bool):
        return _flag(column, language, is_so=value, is_asked=column == field)
    if column == "status":
        return label(_status_of(record), value, language=language)
    if column in _NAMED:
        name = label("field", column, language=language)
        return f"{name} {value}"
    if column == "tax_year":
        return f"{value}年度" if language == "ja" else f"tax year {value}"
    return label("value", value, language=language) if column in _CODED else str(value)


#: Days that mean nothing without their name.
_NAMED = frozenset(("moving_out_planned_on", "arrival_notified_on", "moved_in_on"))
#: Facts of which it matters too that they are not so.
_SAID_IF_NOT = frozenset(("exempt", "disability_deduction"))


def _flag(column: str, language: str, *, is_so: bool, is_asked: bool) -> str:
    if not is_so and not is_asked and column not in _SAID_IF_NOT:
        return ""
    known = label("yes" if is_so else "no", column, language=language)
    return label("answer", str(is_so).lower(), language=language) if known == column else known


def _status_of(record: Mapping[str, Any]) -> str:
    """Under which heading of the labels the words for this kind of status stand."""
    if record["record"] != "benefit":
        return "status"
    return _STATUS.get(str(record.get("benefit_kind")), "benefit_status")


#: Benefit kind → its words of status; any other is paid.
_STATUS = {
    **dict.fromkeys(("national_health", "long_term_care", "elderly_health"), "insurance_status"),
    "disability_certificate": "certificate_status",
}

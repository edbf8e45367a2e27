"""The record types of the unified registry: what a mapping fills and a rule reads.

Field names follow the Government Interoperability Framework's core model where it has a name.
Every value is stored as the source wrote it (after decoding); keys derived from it end in ``_key``.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pyarrow as pa

TEXT, DATE, DAY_TIME, WHOLE = pa.string(), pa.date32(), pa.timestamp("us", tz="Asia/Tokyo"), pa.int64()


@dataclass(frozen=True, kw_only=True)
class RecordType:
    """One table of what systems say. ``columns`` are its own; every record also has :data:`SHARED`."""

    name: str
    table: str
    columns: tuple[tuple[str, pa.DataType], ...]

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow schema of a mapped batch: record number, shared columns, own columns."""
        return pa.schema([("__rec_no", WHOLE), *SHARED, *self.columns])

    @cached_property
    def content(self) -> tuple[str, ...]:
        """Names of the columns that decide whether a record has changed."""
        return tuple(name for name, _ in (*SHARED, *self.columns) if name not in VOLATILE)


#: Columns of every record. ``source_version`` orders versions of one key within a feed (text, sorts as text);
#: ``valid_from`` is the event date (異動日) or the delivery's day when the source has none.
SHARED: tuple[tuple[str, pa.DataType], ...] = (
    ("source_key", TEXT),
    ("source_version", TEXT),
    ("valid_from", DATE),
    ("changed_at", DAY_TIME),  # when the source's own row was last written
    ("change_kind", TEXT),  # birth moved_in moved_out moved_within death renamed household correction …
    ("operator", TEXT),  # who keyed it in the source (職員番号 or batch id)
    ("operator_kind", TEXT),  # person | batch | robot
    ("terminal", TEXT),
)
#: Not part of what makes a record changed: versions move with every full delivery.
VOLATILE = frozenset({"source_version"})

_DATE_OF_BIRTH = (
    ("date_of_birth", DATE),  # null unless known to the day
    ("date_of_birth_raw", TEXT),
    ("date_of_birth_lo", DATE),
    ("date_of_birth_hi", DATE),
    ("date_of_birth_precision", TEXT),  # D day | M month | Y year | S about | E by rule | X unknown
)
_ADDRESS = (
    ("address", TEXT),  # as written, without the building
    ("address_building", TEXT),  # 方書
    ("address_municipality_code", TEXT),  # 全国地方公共団体コード, 6 digits
    ("address_town", TEXT),  # 町字 as written where the source separates it
    ("address_key", TEXT),  # folded to municipality + town + numbers; equal keys are one place
    ("address_key_town", TEXT),  # the key's town with its 丁目; null where no town was recognised
    ("address_key_town_id", TEXT),  # 町字ID where the city's own table of towns has it
    ("address_key_block", TEXT),  # 番地 or 街区符号, with 甲乙 and 小字 before it
    ("address_key_number", TEXT),  # 住居番号 or 枝番
    ("address_key_branch", TEXT),
    ("address_key_level", TEXT),  # understood down to: building number block town municipality none
    ("postal_code", TEXT),
)

PERSON = RecordType(
    name="person",
    table="person_record",
    columns=(
        ("numbering", TEXT),  # the numbering that party_number belongs to; equal in two systems = strong id
        ("party_number", TEXT),  # 宛名番号
        ("household_number", TEXT),
        ("relationship", TEXT),  # 続柄: head spouse child father mother … (common code table)
        ("is_household_head", pa.bool_()),
        ("resident_kind", TEXT),  # japanese | foreign | non_registered
        ("resident_status", TEXT),  # resident | moved_out | dead | removed | non_registered
        ("full_name", TEXT),
        ("full_name_kana", TEXT),
        ("former_surname", TEXT),
        ("common_name", TEXT),  # 通称
        ("roman_name", TEXT),  # 氏名（ローマ字） of a foreign resident
        ("name_key", TEXT),  # K1 strict key of full_name
        ("kana_key", TEXT),  # K1 strict key of full_name_kana
        ("common_name_key", TEXT),  # K1 strict key of common_name: a foreign resident's other name
        ("name_loose_key", TEXT),  # K2 of full_name: finds likely persons, never links them
        ("kana_loose_key", TEXT),  # K2 of full_name_kana
        ("former_surname_key", TEXT),  # K1 of former_surname
        ("roman_name_key", TEXT),  # roman_name in capitals without accents, its parts in their order
        ("sex", TEXT),  # JIS X 0303: 1 male 2 female 0 unknown 9 not applicable
        *_DATE_OF_BIRTH,
        ("date_of_death", DATE),
        ("moved_out_on", DATE),
        ("moved_in_on", DATE),
        *_ADDRESS,
        ("address_since", DATE),  # 住定日
        ("match_key", TEXT),  # name_key|date_of_birth|sex|address_key, null unless all four are exact
        ("protected", TEXT),  # 支援措置: protected | none; null is unknown and treated as protected
        ("protected_kind", TEXT),  # 支援措置区分: support | provisional | joint (併せて支援を求める者)
        ("protected_from", DATE),
        ("protected_until", DATE),  # the term's end; it does not end the protection by itself
        ("resident_code_token", TEXT),  # 住民票コード as a keyed token: equal tokens are one person
        ("individual_number_token", TEXT),  # 個人番号 as a keyed token
        ("residence_card_number", TEXT),  # 在留カード番号
        ("residence_qualification", TEXT),  # 在留資格: permanent long_term work student designated_medical …
        ("residence_until", DATE),  # 在留期間の満了の日; none where it has no term
        ("moving_out_planned_on", DATE),  # 転出予定日, as it was announced
        ("arrival_notified_on", DATE),  # 転入通知の受理日: the new municipality told of the arrival
        ("same_as_numbering", TEXT),  # 名寄せ先: the source says that this is the person of that number
        ("same_as_party_number", TEXT),
    ),
)

TAX = RecordType(
    name="tax",
    table="tax_record",
    columns=(
        ("person_key", TEXT),  # source_key of the person in the same system
        ("tax_year", WHOLE),
        ("levy", TEXT),  # ordinary | special | pension collection
        ("mailing_designated", pa.bool_()),  # 送付先指定 by the taxpayer
        ("mailing_address", TEXT),
        ("mailing_address_building", TEXT),
        ("mailing_address_key", TEXT),
        ("annual_amount", WHOLE),  # yen
        ("exempt", pa.bool_()),  # 非課税
        ("disability_deduction", pa.bool_()),  # 障害者控除
        ("not_registered_levy", pa.bool_()),  # 地方税法294条3項: taxed here though registered elsewhere
    ),
)

BENEFIT = RecordType(
    name="benefit",
    table="benefit_record",
    columns=(
        ("person_key", TEXT),  # who it is for (児童, 被保険者): source_key of the person in the same system
        ("payee_key", TEXT),  # 受給者 or 世帯主; null where the person is
        # child_allowance | national_health | long_term_care | elderly_health | public_assistance |
        # disability_certificate
        ("benefit_kind", TEXT),
        ("status", TEXT),  # active | ended
        ("started_on", DATE),
        ("ended_on", DATE),
        ("end_reason", TEXT),
        ("monthly_amount", WHOLE),  # yen
        ("facility_exception", pa.bool_()),  # 住所地特例: insured here, lives in a facility elsewhere
        ("facility_entered_on", DATE),  # 施設入所日
    ),
)

ACCOUNT = RecordType(
    name="account",
    table="account_record",
    columns=(
        ("person_key", TEXT),  # for whom it is kept: source_key of the person in the same system
        ("account_use", TEXT),  # benefit | refund | debit
        ("account_token", TEXT),  # bank, branch, kind and number as one keyed token, never the number
        ("holder_kana", TEXT),  # 口座名義カナ
        ("holder_kana_key", TEXT),  # K1 strict key of holder_kana
        ("account_changed_on", DATE),  # 口座変更日
        ("scheduled_on", DATE),  # 次の支払日 or 振替日
        ("status", TEXT),  # active | ended
    ),
)

PROPERTY = RecordType(
    name="property",
    table="property_record",
    columns=(
        ("person_key", TEXT),  # 所有者
        ("representative_key", TEXT),  # 相続人代表者 or 現所有者, a person of the same system
        ("representative_since", DATE),
        ("property_kind", TEXT),  # land | house | depreciable
        ("status", TEXT),  # active | ended
    ),
)

DEPENDANT = RecordType(
    name="dependant",
    table="dependant_record",
    columns=(
        ("person_key", TEXT),  # who claims (申告者)
        ("dependant_key", TEXT),  # 被扶養者, a person of the same system
        ("tax_year", WHOLE),
        ("dependant_income", WHOLE),  # yen; null unknown
    ),
)

RETURNED_MAIL = RecordType(
    name="returned_mail",
    table="returned_mail_record",
    columns=(
        ("person_key", TEXT),  # to whom it was sent
        ("sent_on", DATE),
        ("returned_on", DATE),
        ("return_reason", TEXT),  # unknown | moved | refused
        ("published_on", DATE),  # 公示送達
        ("resolved_on", DATE),  # 解消日
    ),
)

DOUBLE_ENTITLEMENT = RecordType(
    name="double_entitlement",
    table="double_entitlement_record",
    columns=(
        ("person_key", TEXT),  # 被保険者
        ("listed_on", DATE),  # the day of the list (資格重複結果一覧), monthly
        ("other_insurer", TEXT),  # 他保険者
        ("entitled_from", DATE),  # 他保険者の資格取得日
    ),
)

REPRESENTATION = RecordType(
    name="representation",
    table="representation_record",
    columns=(
        ("person_key", TEXT),  # 本人, the represented
        ("agent_key", TEXT),  # 代理人, a person of the same system; null where that is not known
        ("agent_kind", TEXT),  # tax_agent | guardian | agent
        ("started_on", DATE),
        ("ended_on", DATE),
    ),
)

RECORD_TYPES: dict[str, RecordType] = {
    kind.name: kind
    for kind in (
        PERSON,
        TAX,
        BENEFIT,
        ACCOUNT,
        PROPERTY,
        DEPENDANT,
        RETURNED_MAIL,
        DOUBLE_ENTITLEMENT,
        REPRESENTATION,
    )
}

#: Columns that hold the source_key of a person of the same system: whoever one of them names is spoken of.
PERSON_KEYS = ("person_key", "payee_key", "representative_key", "dependant_key", "agent_key")

#: The golden record's groups, each taken whole from one record → their fields; the first one must be there
#: for a record to win its group, and its rank in a mapping decides for all of them.
GOLDEN: dict[str, tuple[str, ...]] = {
    "name": ("full_name", "full_name_kana", "former_surname", "common_name"),
    "sex": ("sex",),
    "birth": (
        "date_of_birth_raw",
        "date_of_birth",
        "date_of_birth_lo",
        "date_of_birth_hi",
        "date_of_birth_precision",
    ),
    "status": ("resident_status", "resident_kind", "date_of_death", "moved_out_on", "moved_in_on"),
    "address": (
        "address",
        "address_building",
        "address_municipality_code",
        "address_town",
        "address_key",
        "postal_code",
        "address_since",
    ),
    "household": ("household_number", "relationship", "is_household_head"),
}

#: Columns that hold a token → the kind of number it is made of.
TOKENS = {
    "resident_code_token": "resident_code",
    "individual_number_token": "individual_number",
    "account_token": "account",
}

#: How a value may be shown: in clear · as the shape of its characters · as nothing but a mark.
Sensitivity = Literal["plain", "personal", "guarded"]
SENSITIVITIES: tuple[Sensitivity, ...] = ("plain", "personal", "guarded")

_PLAIN = {
    "person": (
        "numbering relationship is_household_head resident_kind resident_status sex "
        "date_of_birth_precision address_municipality_code address_key_level"
    ),
    "tax": "tax_year levy mailing_designated not_registered_levy",
    "benefit": "",
    "account": "account_use status",
    "property": "property_kind status",
    "dependant": "tax_year",
    "returned_mail": "return_reason",
    "double_entitlement": "listed_on",
    "representation": "",
}
_PLAIN_SHARED = "__rec_no source_version changed_at change_kind operator_kind terminal"
_GUARDED = {
    "person": (
        "protected protected_kind protected_from protected_until "
        "resident_code_token individual_number_token residence_card_number "
        "residence_qualification residence_until"
    ),
    "tax": "annual_amount exempt disability_deduction",
    "benefit": (
        "benefit_kind status started_on ended_on end_reason monthly_amount "
        "facility_exception facility_entered_on"
    ),
    "account": "account_token",
    "property": "",
    "dependant": "dependant_income",
    "returned_mail": "",
    "double_entitlement": "other_insurer entitled_from",
    "representation": "agent_kind started_on ended_on",
}


def sensitivity_of(record: str, column: str) -> Sensitivity:
    """The class of a record type's column unless its mapping raises it; whatever nobody classed is personal.

    plain: codes, flags, kinds. personal: names, addresses, numbers, dates of a life. guarded: protection,
    在留資格, accounts' tokens, amounts of tax, facts of a benefit or a guardianship.
    """
    if column in _GUARDED[record].split():
        return "guarded"
    return "plain" if column in f"{_PLAIN_SHARED} {_PLAIN[record]}".split() else "personal"

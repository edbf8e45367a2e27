"""Evidence in the words of the reader's language, a line each."""

from renkei.language import say
from renkei.likeness.evidence import Evidence, Mark

ATTRIBUTES = {
    "number": ("番号", "number"),
    "name": ("氏名", "name"),
    "kana": ("氏名カナ", "reading"),
    "birth": ("生年月日", "birth date"),
    "sex": ("性別", "sex"),
    "address": ("住所", "address"),
    "household": ("世帯", "household"),
}
VERDICTS = {
    "agree": ("一致", "agree"),
    "similar": ("類似", "similar"),
    "differs": ("相違", "differ"),
    "unknown": ("判断できず", "unknown"),
}
_REASONS = {
    "number.party_number": ("同じ採番の宛名番号が等しい", "equal party numbers within one numbering"),
    "number.resident_code_token": ("住民票コードが等しい", "equal resident codes"),
    "number.individual_number_token": ("個人番号が等しい", "equal individual numbers"),
    "number.residence_card_number": ("在留カード番号が等しい", "equal residence card numbers"),
    "number.resident_code_token_differs": ("住民票コードが異なる", "different resident codes"),
    "number.individual_number_token_differs": ("個人番号が異なる", "different individual numbers"),
    "number.residence_card_number_differs": ("在留カード番号が異なる", "different residence card numbers"),
    "number.said_same": (
        "一方の記載が他方の宛名番号を名寄せ先としている",
        "one record names the other's party number as the same person's",
    ),
    "number.no_common_number": ("共通の番号がない", "no number in common"),
    "name.equal": ("氏名が等しい", "equal names"),
    "name.variant": ("異体字だけが異なる", "only variants of characters differ"),
    "name.common_name": ("一方の氏名が他方の通称に当たる", "one's name is the other's common name (通称)"),
    "name.former_surname": ("旧氏と名で一致", "equal with the former surname (旧氏)"),
    "name.roman_name": ("ローマ字氏名が等しい", "equal names in Latin letters"),
    "name.one_character": ("一文字だけが異なる", "one character differs"),
    "name.given_name": ("名が等しく氏が異なる", "equal given names, different surnames"),
    "name.surname_only": ("氏だけが等しい", "only the surnames are equal"),
    "name.loose": ("表記の揺れを除けば等しい", "equal but for ways of writing"),
    "name.differs": ("氏名が異なる", "different names"),
    "kana.equal": ("読みが等しい", "equal readings"),
    "kana.sounds_alike": ("音の似た読み（濁点・長音・拗音など）", "readings that sound alike"),
    "kana.one_character": ("カナ一文字だけが異なる", "one kana differs"),
    "kana.differs": ("読みが異なる", "different readings"),
    "birth.equal": ("生年月日が等しい", "equal birth dates"),
    "birth.overlaps": ("不詳を含む期間が重なる", "partly unknown dates that may be one day"),
    "birth.era_slip": ("元号の取り違えの形", "the form of a mistaken era"),
    "birth.month_day_swapped": ("月と日の入れ替わりの形", "month and day exchanged"),
    "birth.one_figure": ("数字一つだけが異なる", "one figure differs"),
    "birth.apart": ("期間が重ならない", "the possible days do not meet"),
    "birth.differs": ("生年月日が異なる", "different birth dates"),
    "sex.equal": ("性別が等しい", "equal sex"),
    "sex.differs": ("性別が異なる", "different sex"),
    "address.number": ("住居番号まで等しい", "equal down to the number"),
    "address.block": ("番地・街区まで等しい", "equal down to the block"),
    "address.town": ("町字まで等しい", "equal down to the town"),
    "address.municipality": ("市区町村だけが等しい", "only the municipality is equal"),
    "address.differs": ("市区町村から異なる", "different municipalities"),
    "household.side_by_side": (
        "同じ系統の同じ世帯に並んで記載されている",
        "side by side in one household of one system",
    ),
    "household.apart": ("同じ系統の別の世帯", "different households of one system"),
    "household.not_comparable": ("比べられる世帯番号がない", "no household numbers to compare"),
}
_NOT_SAID = ("一方に記載がない", "one side says nothing")
#: Reasons that are about single characters.
_MARKED = frozenset({"variant", "one_character", "loose", "sounds_alike"})
_KINDS = {
    "shape": ("同じ字の字形違い", "one character drawn otherwise"),
    "printed": ("新旧の字体", "an old and a new form"),
    "exchanged": ("通用する別の字", "another character in use for it"),
    "kana": ("カナの違い", "another kana"),
    "other": ("別の字", "another character"),
}


def told(evidence: Evidence) -> str:
    """The verdict's reasons and marks in one sentence, without the two values."""
    reasons = "、".join if say("ja", "en") == "ja" else "; ".join
    made = reasons([_reason(evidence, code) for code in evidence.reasons])
    marks = " ".join(_mark(mark) for mark in evidence.marks) if _shows_marks(evidence) else ""
    return f"{made} {marks}".strip()


def attribute(evidence: Evidence) -> str:
    """The attribute's name."""
    return say(*ATTRIBUTES[evidence.attribute])


def verdict(evidence: Evidence) -> str:
    """The verdict in a word."""
    return say(*VERDICTS[evidence.verdict])


def _reason(evidence: Evidence, code: str) -> str:
    made = say(*_REASONS.get(f"{evidence.attribute}.{code}", _NOT_SAID))
    if code == "era_slip" and evidence.facts:
        return f"{made}（{'⇔'.join(evidence.facts)}）"
    return made


def _shows_marks(evidence: Evidence) -> bool:
    """Of two names that are no spellings of one another every character would be a mark."""
    return evidence.verdict == "similar" and not _MARKED.isdisjoint(evidence.reasons)


def _mark(mark: Mark) -> str:
    """``［髙 U+9AD8 ⇔ 高 U+9AD8：字形違い］``; without characters where they are veiled."""
    kind = say(*_KINDS[mark.kind])
    if not (mark.left_code or mark.right_code):
        return f"［{kind}］"
    sides = (f"{text or '∅'} {code}".strip() for text, code in _sides(mark))
    return f"［{' ⇔ '.join(sides)}：{kind}］"


def _sides(mark: Mark) -> tuple[tuple[str, str], tuple[str, str]]:
    return (mark.left, mark.left_code), (mark.right, mark.right_code)

"""福祉: full XML deliveries every night, one element a value, absent where there is nothing to say."""

from collections.abc import Mapping, Sequence
from datetime import date
from io import StringIO

from renkei_sample.records import Account, Benefit, DoubleEntitlement, Recipient

#: Element names in document order with the attribute of the row behind each.
RECIPIENT_ELEMENTS = (
    ("住民宛名番号", "atena_no"),
    ("氏名", "shimei"),
    ("フリガナ", "kana"),
    ("性別", "seibetsu"),
    ("生年月日", "seinengappi"),
    ("世帯番号", "setai_no"),
    ("続柄", "zokugara"),
    ("郵便番号", "yubin"),
    ("市区町村コード", "shikuchoson"),
    ("住所", "jusho"),
    ("方書", "katagaki"),
    ("状態", "jotai"),
    ("異動日", "ido_ymd"),
    ("更新日時", "koshin"),
    ("更新事由", "jiyu"),
    ("更新者", "koshinsha"),
    ("端末", "tanmatsu"),
    ("支援措置", "shien"),
)
BENEFIT_ELEMENTS = (
    ("対象者番号", "taishosha"),
    ("受給者番号", "jukyusha"),
    ("種別", "shubetsu"),
    ("状態", "jotai"),
    ("開始日", "kaishi"),
    ("終了日", "shuryo"),
    ("終了事由", "shuryo_jiyu"),
    ("月額", "getsugaku"),
    ("住所地特例", "tokurei"),
    ("施設入所日", "nyusho"),
    ("更新日時", "koshin"),
    ("更新事由", "jiyu"),
    ("更新者", "koshinsha"),
    ("端末", "tanmatsu"),
)
ACCOUNT_ELEMENTS = (
    ("対象者番号", "taishosha"),
    ("用途", "yoto"),
    ("金融機関コード", "ginko"),
    ("支店コード", "shiten"),
    ("預金種目", "shumoku"),
    ("口座番号", "koza"),
    ("名義カナ", "meigi"),
    ("変更日", "henkobi"),
    ("予定日", "yoteibi"),
    ("状態", "jotai"),
    ("更新日時", "koshin"),
    ("更新者", "koshinsha"),
)
DOUBLE_ELEMENTS = (
    ("対象者番号", "taishosha"),
    ("一覧日", "ichiranbi"),
    ("他保険者", "hokensha"),
    ("他資格取得日", "shutokubi"),
    ("更新日時", "koshin"),
    ("更新者", "koshinsha"),
)
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
#: Elements that stand empty rather than being left out.
_ALWAYS = {"方書", "終了日", "終了事由"}


def recipient_file(
    rows: Sequence[Recipient], *, day: date, numbers: Mapping[str, str] | None = None
) -> bytes:
    """TAISHO: every 対象者 with the stated count. ``numbers``: 個人番号 by 対象者番号."""
    return _document("対象者一覧", "対象者", rows, RECIPIENT_ELEMENTS, day, numbers or {})


def benefit_file(rows: Sequence[Benefit], *, day: date) -> bytes:
    """KYUFU: every 給付 with the stated count."""
    return _document("給付一覧", "給付", rows, BENEFIT_ELEMENTS, day)


def account_file(rows: Sequence[Account], *, day: date) -> bytes:
    """KOZA: every 口座 with the stated count."""
    return _document("口座一覧", "口座", rows, ACCOUNT_ELEMENTS, day)


def double_entitlement_file(rows: Sequence[DoubleEntitlement], *, day: date) -> bytes:
    """CHOFUKU: every line of the last lists with the stated count."""
    return _document("資格重複一覧", "資格重複", rows, DOUBLE_ELEMENTS, day)


def _document(
    root: str,
    item: str,
    rows: Sequence[Recipient | Benefit | Account | DoubleEntitlement],
    elements: Sequence[tuple[str, str]],
    day: date,
    numbers: Mapping[str, str] | None = None,
) -> bytes:
    out = StringIO()
    out.write(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} 作成日="{day.isoformat()}" 件数="{len(rows)}">\n'
    )
    for row in rows:
        inside = "".join(_element(name, getattr(row, attribute)) for name, attribute in elements)
        inside += _element("個人番号", (numbers or {}).get(row.bango) or None)
        out.write(f'<{item} 番号="{row.bango}">{inside}</{item}>\n')
    out.write(f"</{root}>\n")
    return out.getvalue().encode("utf-8")


def _element(name: str, value: str | int | None) -> str:
    if value is None and name not in _ALWAYS:
        return ""
    text = "" if value is None else str(value).translate(_ESCAPES)
    return f"<{name}>{text}</{name}>"

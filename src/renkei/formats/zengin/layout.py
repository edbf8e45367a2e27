"""全銀協規定形式 as tables: where each field of the 120 bytes lies, and what may stand in it.

Header and data of 総合振込 and 口座振替 follow published bank manuals; the data record of 給与振込 and the
trailer of 口座振替 are general knowledge that adds up to 120 bytes. A bank's own manual decides.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

RECORD = 120

#: N: digits, from the right, zero-filled; exact: all of its digits are given; C: text, from the left.
Form = Literal["N", "exact", "C", "dummy"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a record. ``needed`` ones must be given when a file is written."""

    name: str
    japanese: str
    bytes: int
    form: Form
    needed: bool = True


def _fields(text: str) -> tuple[Field, ...]:
    """``name japanese bytes form`` a line; a question mark after the name: it may be left out."""
    made = []
    for line in filter(str.strip, text.splitlines()):
        name, japanese, size, form = line.split()
        kind: Any = form
        made.append(
            Field(
                name=name.rstrip("?"), japanese=japanese, bytes=int(size), form=kind, needed=name[-1] != "?"
            )
        )
    return tuple(made)


HEADER = _fields("""
    kind_code           種別コード          2 exact
    code_kind           コード区分          1 exact
    consignor_code      委託者コード       10 N
    consignor_name      委託者名           40 C
    due_date            取組日・引落日      4 exact
    own_bank_code       取引銀行番号        4 exact
    own_bank_name?      取引銀行名         15 C
    own_branch_code     取引支店番号        3 exact
    own_branch_name?    取引支店名         15 C
    own_account_type?   預金種目（委託者）  1 N
    own_account_number? 口座番号（委託者）  7 N
    header_dummy?       ダミー             17 dummy
""")

_ACCOUNT = """
    bank_code           銀行番号            4 exact
    bank_name?          銀行名             15 C
    branch_code         支店番号            3 exact
    branch_name?        支店名             15 C
    {between}
    account_type        預金種目            1 exact
    account_number      口座番号            7 N
    account_holder      {holder}           30 C
    amount              {amount}           10 N
    new_code?           新規コード          1 N
    {own}
"""

_TRANSFER = _fields(
    _ACCOUNT.format(
        between="clearing_house?  手形交換所番号  4 N",
        holder="受取人名",
        amount="振込金額",
        own="customer_code? 顧客コード・EDI情報 20 C\n transfer_kind? 振込区分 1 N\n"
        " edi_flag? 識別表示 1 C\n dummy? ダミー 7 dummy",
    )
)
_SALARY = _fields(
    _ACCOUNT.format(
        between="clearing_house?  手形交換所番号  4 N",
        holder="預金者名",
        amount="支給金額",
        own="employee_number? 社員番号 10 N\n department_code? 所属コード 10 N\n dummy? ダミー 9 dummy",
    )
)
_DEBIT = _fields(
    _ACCOUNT.format(
        between="middle_dummy? ダミー 4 dummy",
        holder="預金者名",
        amount="引落金額",
        own="customer_code? 顧客番号 20 C\n result_code? 振替結果コード 1 N\n dummy? ダミー 8 dummy",
    )
)
_SUM = """
    count               合計件数            6 N
    total               合計金額           12 N
"""
_SUMS = _fields(_SUM + "trailer_dummy? ダミー 101 dummy")
_DEBIT_SUMS = _fields(
    _SUM
    + """
    done_count          振替済件数          6 N
    done_total          振替済金額         12 N
    failed_count        振替不能件数        6 N
    failed_total        振替不能金額       12 N
    trailer_dummy?      ダミー             65 dummy
"""
)

#: 種別コード → fields of its data records and of its trailer.
KINDS: Mapping[str, tuple[tuple[Field, ...], tuple[Field, ...]]] = {
    "21": (_TRANSFER, _SUMS),
    "11": (_SALARY, _SUMS),
    "12": (_SALARY, _SUMS),
    "71": (_SALARY, _SUMS),
    "72": (_SALARY, _SUMS),
    "91": (_DEBIT, _DEBIT_SUMS),
}

#: 振替結果コード (general knowledge; a bank's manual decides).
RESULTS = {
    "0": "振替済",
    "1": "資金不足",
    "2": "取引なし",
    "3": "預金者の都合による停止",
    "4": "依頼書なし",
    "8": "委託者の都合による停止",
    "9": "その他",
}

#: Symbols that a text field may hold unless a bank's profile says otherwise, beside the space.
SYMBOLS = "().-/,\\｢｣"

#: Small kana → large, as the steps write them.
SMALL = dict(zip("ｧｨｩｪｫｬｭｮｯ", "ｱｲｳｴｵﾔﾕﾖﾂ", strict=True))


def placed(fields: Sequence[Field]) -> Iterator[dict[str, Any]]:
    """The fields as columns of a fixed-length record, after its kind."""
    at = 2
    for each in fields:
        zero = each.form in ("N", "exact")
        yield {
            "name": each.name,
            "at": at,
            "bytes": each.bytes,
            "pad": "zero" if zero else "space",
            "optional": not each.needed,
        }
        at += each.bytes
    if at != RECORD + 1:
        raise ValueError(f"{fields[0].name}: {at - 1} bytes")


def pattern_of(field: Field, declaration: Mapping[str, Any]) -> str:
    """What a field may hold, as a regular expression for RE2."""
    if field.form == "exact":
        return f"^[0-9]{{{field.bytes}}}$"
    if field.form == "N":
        return "^[0-9]*$" if not field.needed else "^[0-9]+$"
    if field.form == "dummy":
        return "^.*$"
    wo = "ｦ" if declaration.get("wo", "allowed") == "allowed" else ""
    return f"^[ 0-9A-Zｱ-ﾝﾞﾟ{wo}{re.escape(declaration.get('symbols', SYMBOLS))}]*$"

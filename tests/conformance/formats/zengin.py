"""全銀 samples, put together by hand from the bank manuals' tables and encoded by iconv."""

import subprocess
from typing import Any

import pyarrow as pa
from tests.conformance.format_kit import Sample


def raw(text: str) -> bytes:
    program = ["iconv", "-f", "UTF-8", "-t", "CP932"]
    return subprocess.run(program, input=text.encode(), capture_output=True, check=True).stdout


def record(*fields: tuple[str, int]) -> bytes:
    made = b"".join(raw(text).ljust(size) for text, size in fields)
    assert len(made) == 120
    return made


def header(kind: str, consignor: str = "0000012345", day: str = "1127") -> bytes:
    return record(
        ("1", 1), (kind, 2), ("0", 1), (consignor, 10), ("ｸｽﾞﾊﾗｼ", 40), (day, 4), ("0001", 4),
        ("ｸｽﾞﾊﾗｷﾞﾝｺｳ", 15), ("001", 3), ("ﾎﾝﾃﾝ", 15), ("1", 1), ("1234567", 7), ("", 17),
    )  # fmt: skip


def transfer(bank: str, branch: str, account: str, holder: str, amount: int, customer: str) -> bytes:
    return record(
        ("2", 1), (bank, 4), ("", 15), (branch, 3), ("", 15), ("", 4), ("1", 1), (account, 7), (holder, 30),
        (f"{amount:010d}", 10), ("0", 1), (customer, 20), ("7", 1), ("", 1), ("", 7),
    )  # fmt: skip


def debit(bank: str, account: str, holder: str, amount: int, customer: str, result: str) -> bytes:
    return record(
        ("2", 1), (bank, 4), ("", 15), ("001", 3), ("", 15), ("", 4), ("1", 1), (account, 7), (holder, 30),
        (f"{amount:010d}", 10), ("0", 1), (customer, 20), (result, 1), ("", 8),
    )  # fmt: skip


END = b"9".ljust(120)
TRANSFER: dict[str, Any] = {
    "kind": "zengin",
    "type": "21",
    "columns": [
        {"name": name}
        for name in (
            "bank_code", "bank_name", "branch_code", "branch_name", "clearing_house", "account_type",
            "account_number", "account_holder", "amount", "new_code", "customer_code", "transfer_kind",
            "edi_flag",
        )
    ],
    "key": {"columns": ["customer_code"], "join": "-"},
}  # fmt: skip
PAID = (
    ("0001", "", "001", "", "", "1", "0000123", "ｸｽﾞﾊﾗ ﾀﾛｳ", "0000010000", "0", "A0001", "7", ""),
    ("0033", "", "003", "", "", "1", "7654321", "ｶ)ﾔﾏﾀﾞｼﾖｳﾃﾝ", "0000000001", "0", "A0002", "7", ""),
)
PAID_DATA = b"".join(
    [
        header("21"),
        transfer("0001", "001", "0000123", "ｸｽﾞﾊﾗ ﾀﾛｳ", 10000, "A0001"),
        transfer("0033", "003", "7654321", "ｶ)ﾔﾏﾀﾞｼﾖｳﾃﾝ", 1, "A0002"),
        record(("8", 1), ("000002", 6), ("000000010001", 12), ("", 101)),
        END,
    ]
)
GIVEN = {
    "consignor_code": "0000012345", "consignor_name": "ｸｽﾞﾊﾗｼ", "due_date": "1127", "own_bank_code": "0001",
    "own_bank_name": "ｸｽﾞﾊﾗｷﾞﾝｺｳ", "own_branch_code": "001", "own_branch_name": "ﾎﾝﾃﾝ",
    "own_account_type": "1", "own_account_number": "1234567",
}  # fmt: skip

DEBIT: dict[str, Any] = {
    "kind": "zengin",
    "type": "91",
    "phase": "result",
    "separator": "crlf",
    "groups": "many",
    "columns": [
        {"name": name}
        for name in (
            "bank_code", "bank_name", "branch_code", "branch_name", "account_type", "account_number",
            "account_holder", "amount", "new_code", "customer_code", "result_code", "consignor_code",
        )
    ],
    "key": {"columns": ["customer_code"], "join": "-"},
}  # fmt: skip
DEBITED = (
    ("0001", "", "001", "", "1", "0000001", "ﾔﾏﾀﾞ ﾊﾅｺ", "0000005000", "0", "T1", "0", "0000012345"),
    ("0001", "", "001", "", "1", "0000002", "ﾓﾘ ﾐﾄﾞﾘ", "0000000700", "0", "T2", "1", "0000012345"),
    ("0033", "", "001", "", "1", "0000003", "ﾀｶﾊｼ ﾊｼﾞﾒ", "0000000030", "0", "T3", "0", "0000012346"),
)


def sums(*numbers: int) -> bytes:
    widths = (6, 12, 6, 12, 6, 12)
    return record(
        ("8", 1),
        *((f"{number:0{width}d}", width) for number, width in zip(numbers, widths, strict=True)),
        ("", 65),
    )


DEBITED_DATA = b"".join(
    line + b"\r\n"
    for line in (
        header("91"),
        debit("0001", "0000001", "ﾔﾏﾀﾞ ﾊﾅｺ", 5000, "T1", "0"),
        debit("0001", "0000002", "ﾓﾘ ﾐﾄﾞﾘ", 700, "T2", "1"),
        sums(2, 5700, 1, 5000, 1, 700),
        header("91", consignor="0000012346"),
        debit("0033", "0000003", "ﾀｶﾊｼ ﾊｼﾞﾒ", 30, "T3", "0"),
        sums(1, 30, 1, 30, 0, 0),
        END,
    )
)


def table(declaration: dict[str, Any], rows: tuple[tuple[str, ...], ...]) -> pa.Table:
    names = [column["name"] for column in declaration["columns"]]
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)})


SAMPLES = (
    Sample(name="総合振込", declaration=TRANSFER, table=table(TRANSFER, PAID), control=GIVEN, data=PAID_DATA),
    Sample(
        name="口座振替結果", declaration=DEBIT, table=table(DEBIT, DEBITED), control=GIVEN, data=DEBITED_DATA
    ),
)

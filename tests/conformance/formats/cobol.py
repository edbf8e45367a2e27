"""Files that GnuCOBOL wrote by our copybooks, and the same file on a mainframe by glibc's iconv.

The values are those that the COBOL programs move into the items (kjwrite.cob, meisaiwrite.cob).
"""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from tests.conformance.format_kit import Sample
from tests.unit.formats.cobol.gnucobol import (
    FORMAT,
    HOST_FORMAT,
    MEISAI_FORMAT,
    compile_program,
    on_host,
    written_by,
)

NOUGHT = {
    "KINGAKU": "0", "SENTO": "0", "BETSU-USHIRO": "0", "BETSU-MAE": "0", "HAN": "0", "ZEN": "0", "CHO": "0",
    "JI-KOYU": "0", "MAN-EN": "0", "GAKU(1)": "0", "GAKU(2)": "0", "GAKU(3)": "0",
    "KUBUN": "2", "氏名カナ": "ﾔﾏﾀﾞ ﾀﾛｳ", "氏名漢字": "山田　渕道", "性別": "1", "ZEIGAKU": "0.00",
    "KEN-SU": "00000", "ZANDAKA": "0.00", "FUGO-NASHI": "0000", "RITSU": "0.00000", "SEINENGAPPI": "00000000",
    "JUSHO-KBN": "1", "YUBIN": "0000000", "KENSU-N": "0", "KUNI": None, "KOKUGAI-NO": None,
    "FURAGU(1)": "", "FURAGU(2)": "", "FURAGU(3)": "", "HENSHU": "     0.00", "FILLER@129": None,
}  # fmt: skip
MOST = {
    "KINGAKU": "9999999", "ZEIGAKU": "999999.99", "KEN-SU": "99999", "ZANDAKA": "99999.99", "SENTO": "99999",
    "BETSU-USHIRO": "99999", "BETSU-MAE": "99999", "HAN": "9999", "ZEN": "999999999", "CHO": "9" * 18,
    "FUGO-NASHI": "9999", "JI-KOYU": "2147483647", "MAN-EN": "9990000", "RITSU": "0.00999",
    "SEINENGAPPI": "20281231", "YUBIN": "9999999", "KENSU-N": "99999", "GAKU(1)": "99999", "GAKU(2)": "99999",
    "GAKU(3)": "99999", "FURAGU(1)": "a", "FURAGU(2)": "b", "FURAGU(3)": "c", "HENSHU": "99,999.99",
}  # fmt: skip
LEAST = {
    "KINGAKU": "-9999999", "ZEIGAKU": "-999999.99", "ZANDAKA": "-99999.99", "SENTO": "-99999",
    "BETSU-USHIRO": "-99999", "BETSU-MAE": "-99999", "HAN": "-9999", "ZEN": "-999999999", "CHO": "-" + "9" * 18,
    "JI-KOYU": "-2147483648", "MAN-EN": "-9990000", "RITSU": "-0.00999", "SEINENGAPPI": "18680125",
    "KENSU-N": "-99999", "GAKU(1)": "-99999", "GAKU(2)": "-99999", "GAKU(3)": "-99999", "HENSHU": "     1.00-",
}  # fmt: skip
ABROAD = {
    "性別": "2", "JUSHO-KBN": "2", "YUBIN": None, "KENSU-N": None, "KUNI": "BRA", "KOKUGAI-NO": "-7",
    "HENSHU": "    12.00",
}  # fmt: skip
ORDER = (
    "KUBUN", "宛名番号", "氏名カナ", "氏名漢字", "性別", "KINGAKU", "ZEIGAKU", "KEN-SU", "ZANDAKA", "SENTO",
    "BETSU-USHIRO", "BETSU-MAE", "HAN", "ZEN", "CHO", "FUGO-NASHI", "JI-KOYU", "MAN-EN", "RITSU", "SEINENGAPPI",
    "JUSHO-KBN", "YUBIN", "KENSU-N", "KUNI", "KOKUGAI-NO", "FILLER@129", "GAKU(1)", "FURAGU(1)", "GAKU(2)",
    "FURAGU(2)", "GAKU(3)", "FURAGU(3)", "HENSHU", "FILLER@156",
)  # fmt: skip


def people(*, blank: str, left: str) -> pa.Table:
    """The five records of edge values; ``left`` is what the home address left behind a foreign one."""
    records: list[dict[str, Any]] = [{}, MOST, LEAST, {"KINGAKU": "-0"}, {**ABROAD, "FILLER@129": left}]
    rows = [
        {**NOUGHT, **record, "宛名番号": f"{number:010}", "FILLER@156": blank * 13}
        for number, record in enumerate(records, 1)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in ORDER]))


def details() -> pa.Table:
    """0 to 12 details a record."""
    rows = []
    for count in range(13):
        row: dict[str, str | None] = {"KUBUN": "2", "BANGO": f"{count:05}", "SU": f"{count:02}"}
        for number in range(1, 13):
            is_there = number <= count
            row[f"KOMOKU({number})"] = f"K{number:05}"[:4] if is_there else None
            row[f"GAKU({number})"] = f"{count - number * 1.5:.1f}" if is_there else None
            row[f"TANKA({number})"] = str(number - count) if is_there else None
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in rows[0]]))


@cache
def made(name: str, *options: str) -> bytes:
    """What a program writes."""
    with tempfile.TemporaryDirectory() as place:
        program = compile_program(name, Path(place), *options)
        return written_by(program, Path(place), "5")


SAMPLES = (
    Sample(
        name="every usage, as GnuCOBOL stores it",
        declaration=FORMAT,
        table=people(blank="20", left="303000000C"),
        control={"HD-SAKUSEI-YMD": "20261120", "HD-SYSTEM": "KOUZA"},
        data=made("kjwrite"),
    ),
    Sample(
        name="every usage, on a mainframe",
        declaration=HOST_FORMAT,
        table=people(blank="40", left="F0F000000C"),
        control={"HD-SAKUSEI-YMD": "20261120", "HD-SYSTEM": "KOUZA"},
        data=on_host(made("kjwrite", "-fsign=EBCDIC")),
    ),
    Sample(
        name="a table at the end, each record behind its length",
        declaration=MEISAI_FORMAT,
        table=details(),
        data=made("meisaiwrite"),
    ),
)

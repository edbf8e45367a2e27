"""Fixed-length samples. Text was encoded by iconv and records put together here, by hand."""

import subprocess
from typing import Any

import pyarrow as pa
from tests.conformance.format_kit import Sample


def raw(text: str, encoding: str = "CP932") -> bytes:
    """The text as glibc encodes it."""
    program = ["iconv", "-f", "UTF-8", "-t", encoding]
    return subprocess.run(program, input=text.encode(), capture_output=True, check=True).stdout


def wide(text: str, size: int) -> bytes:
    """Full-width text, filled with full-width spaces."""
    return raw(text).ljust(size, b"\0").replace(b"\0\0", b"\x81\x40")


PLAIN: dict[str, Any] = {
    "kind": "fixed",
    "encoding": "cp932",
    "record": 30,
    "header": "1",
    "data": "2",
    "trailer": "8",
    "as_of": "MADE",
    "count": "KENSU",
    "totals": [{"trailer": "GOKEI", "of": "BANGO", "digits": 6}],
    "header_columns": [{"name": "MADE", "at": 2, "bytes": 8}],
    "trailer_columns": [{"name": "KENSU", "at": 2, "bytes": 6}, {"name": "GOKEI", "at": 8, "bytes": 6}],
    "columns": [
        {"name": "BANGO", "at": 2, "bytes": 6},
        {"name": "SHIMEI", "at": 8, "bytes": 10},
        {"name": "KANA", "at": 18, "bytes": 8},
        {"name": "GAKU", "at": 26, "bytes": 5},
    ],
    "pad": {"SHIMEI": "wide", "GAKU": "zero", "BANGO": "zero"},
    "key": {"columns": ["BANGO"], "join": "-"},
}
PEOPLE = (
    ("000017", "髙﨑ソ表", "ﾀｶｻｷ", "00120"),
    ("900025", "能　～－", "ﾉｳ", "00000"),
    ("700033", "神", "", "99999"),
)


def plain_file() -> bytes:
    records = [b"2" + n.encode() + wide(s, 10) + raw(k).ljust(8) + g.encode() for n, s, k, g in PEOPLE]
    total = sum(int(n) for n, *_ in PEOPLE) % 10**6
    return b"".join([b"120261120".ljust(30), *records, (b"8%06d%06d" % (len(records), total)).ljust(30)])


#: 世帯 (21) with its 世帯員 (22), a kind that is left aside (29), two groups, CRLF, an end record.
HOUSEHOLDS: dict[str, Any] = {
    "kind": "fixed",
    "encoding": "cp932",
    "record": 24,
    "separator": "crlf",
    "header": "10",
    "data": "22",
    "trailer": "80",
    "end": "90",
    "groups": "many",
    "parent": "21",
    "records": [
        {
            "kind": "21",
            "name": "世帯",
            "columns": [
                {"name": "SETAI", "at": 3, "bytes": 6},
                {"name": "NUSHI", "at": 9, "bytes": 16, "pad": "wide"},
            ],
        },
        {"kind": "22", "name": "世帯員"},
    ],
    "header_columns": [{"name": "DANTAI", "at": 3, "bytes": 6}, {"name": "SAKUSEI", "at": 9, "bytes": 8}],
    "trailer_columns": [{"name": "KENSU", "at": 3, "bytes": 6}, {"name": "SETAISU", "at": 9, "bytes": 6}],
    "end_columns": [{"name": "SOKENSU", "at": 3, "bytes": 8}],
    "as_of": "SAKUSEI",
    "counts": [{"trailer": "KENSU", "kinds": ["21", "22"]}, {"trailer": "SETAISU", "kinds": ["21"]}],
    "end_count": "SOKENSU",
    "columns": [
        {"name": "ATENA", "at": 3, "bytes": 6},
        {"name": "NAMAE", "at": 9, "bytes": 16, "pad": "wide"},
        {"name": "SETAI"},
        {"name": "NUSHI"},
        {"name": "DANTAI"},
    ],
    "key": {"columns": ["ATENA"], "join": "-"},
}
MEMBERS = (
    ("000001", "山田　太郎", "500001", "山田　太郎", "132993"),
    ("000002", "山田　花子", "500001", "山田　太郎", "132993"),
    ("000003", "髙橋　一", "500002", "髙橋　一", "132993"),
    ("000004", "森　みどり", "500003", "森　みどり", "132985"),
)


def households_file() -> bytes:
    def group(town: str) -> list[bytes]:
        lines, heads = [b"10" + town.encode() + b"20261120"], []
        for atena, name, home, head, of in MEMBERS:
            if of == town:
                if home not in heads:
                    heads.append(home)
                    lines.append(b"21" + home.encode() + wide(head, 16))
                lines.append(b"22" + atena.encode() + wide(name, 16))
        return [*lines, b"80%06d%06d" % (len(lines) - 1, len(heads))]

    lines = [*group("132993"), *group("132985"), b"90%08d" % len(MEMBERS)]
    return b"".join(line.ljust(24) + b"\r\n" for line in lines)


#: A host's file: EBCDIC with kanji between shifts, a length before each record, kinds and digits in EBCDIC.
HOST: dict[str, Any] = {
    **PLAIN,
    "encoding": "ibm-1399",
    "prefix": "rdw",
    "pad": {"BANGO": "zero", "GAKU": "zero"},
}


def host_file() -> bytes:
    def cell(text: str, size: int) -> bytes:
        return raw(text, "IBM1399").ljust(size, b"\x40")

    lines = [cell("120261120", 30)]
    lines += [cell("2" + n, 7) + cell(s, 10) + cell(k, 8) + cell(g, 5) for n, s, k, g in HOST_PEOPLE]
    total = sum(int(n) for n, *_ in HOST_PEOPLE) % 10**6
    lines.append(cell(f"8{len(HOST_PEOPLE):06d}{total:06d}", 30))
    return b"".join((len(line) + 4).to_bytes(2, "big") + b"\0\0" + line for line in lines)


HOST_PEOPLE = (("000017", "山田花子", "ﾀｶｻｷ", "00120"), ("900025", "森", "", "00000"))


def table(declaration: dict[str, Any], rows: tuple[tuple[str, ...], ...]) -> pa.Table:
    names = [column["name"] for column in declaration["columns"]]
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)})


SAMPLES = (
    Sample(
        name="plain",
        declaration=PLAIN,
        table=table(PLAIN, PEOPLE),
        control={"MADE": "20261120"},
        data=plain_file(),
    ),
    Sample(
        name="households in groups",
        declaration=HOUSEHOLDS,
        table=table(HOUSEHOLDS, MEMBERS),
        control={"SAKUSEI": "20261120"},
        data=households_file(),
    ),
    Sample(
        name="host",
        declaration=HOST,
        table=table(HOST, HOST_PEOPLE),
        control={"MADE": "20261120"},
        data=host_file(),
    ),
)

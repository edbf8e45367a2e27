"""XML as the welfare system sends it, by libxml2's own writer and by ours."""

from pathlib import Path

import pyarrow as pa
from lxml import etree
from tests.conformance.format_kit import Sample

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("@番号", "対象者番号", "受給者番号", "種別", "状態", "開始日", "終了日", "終了事由", "月額", "住所地特例",
         "施設入所日", "更新日時", "更新事由", "更新者", "端末")  # fmt: skip
OPTIONAL = {"受給者番号", "開始日", "終了日", "終了事由", "月額", "住所地特例", "施設入所日", "更新事由", "更新者",
            "端末"}  # fmt: skip
DECLARATION = {
    "kind": "xml", "root": "給付一覧", "record": "給付", "count": "@件数", "as_of": "@作成日",
    "schema": str(ROOT / "mappings" / "schemas" / "welfare_benefit.xsd"), "key": {"columns": ["@番号"]},
    "columns": [{"name": name, "optional": name in OPTIONAL} for name in NAMES],
}  # fmt: skip
PAYMENTS = [
    {"@番号": "B1", "対象者番号": "F00000001", "種別": "児童手当", "状態": "支給", "月額": "10000",
     "更新日時": "2026-11-20T01:02:03", "更新者": "髙﨑 & 𠮷田"},
    {"@番号": "B2", "対象者番号": "F00000002", "種別": "児童手当", "状態": "消滅", "終了事由": "<死亡>",
     "住所地特例": "該当", "施設入所日": "2020-04-01",
     "更新日時": "2026-11-20T01:02:03", "開始日": "2020-04-01"},
]  # fmt: skip
TABLE = pa.Table.from_pylist(PAYMENTS, pa.schema([(name, pa.string()) for name in NAMES]))


def _theirs() -> bytes:
    root = etree.Element("給付一覧", {"作成日": "2026-11-20", "件数": str(len(PAYMENTS))})
    for payment in PAYMENTS:
        record = etree.SubElement(root, "給付", {"番号": payment["@番号"]})
        for name in NAMES[1:]:
            if name in payment:
                etree.SubElement(record, name).text = payment[name]
        record.tail = "\n"
    root.text = "\n"
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n'
    return head + etree.tostring(root, encoding="UTF-8", xml_declaration=False) + b"\n"


SAMPLES = (
    Sample(name="ours", declaration=DECLARATION, table=TABLE, control={"@作成日": "2026-11-20"}),
    Sample(name="libxml2", declaration=DECLARATION, table=TABLE, control={"@作成日": "2026-11-20"}, data=_theirs()),
)  # fmt: skip

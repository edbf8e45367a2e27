"""Schemas and files of several shapes, synthetic."""

from pathlib import Path
from typing import Any

XS = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"{more}>{body}</xs:schema>'

#: Households that hold their members, each with an address below and telephones that repeat.
NESTED = XS.format(
    more="",
    body="""
  <xs:element name="世帯一覧"><xs:complexType>
    <xs:sequence><xs:element ref="世帯" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
    <xs:attribute name="件数" type="xs:int"/>
  </xs:complexType></xs:element>
  <xs:element name="世帯"><xs:complexType>
    <xs:sequence>
      <xs:element name="員" maxOccurs="unbounded"><xs:complexType>
        <xs:sequence>
          <xs:element name="氏名" type="xs:string"/>
          <xs:element name="電話" type="xs:string" minOccurs="0" maxOccurs="3"/>
          <xs:element name="住所" minOccurs="0"><xs:complexType>
            <xs:sequence><xs:element name="町字" type="xs:string"/><xs:element name="方書" type="xs:string" minOccurs="0"/></xs:sequence>
            <xs:attribute name="種別" type="xs:string"/>
          </xs:complexType></xs:element>
        </xs:sequence>
        <xs:attribute name="番号" type="xs:string" use="required"/>
      </xs:complexType></xs:element>
      <xs:element name="世帯主" type="xs:string"/>
    </xs:sequence>
    <xs:attribute name="世帯番号" type="xs:string" use="required"/>
  </xs:complexType></xs:element>""",
)
HOUSEHOLDS = """<世帯一覧 件数="3">
<世帯 世帯番号="H1">
  <員 番号="1"><氏名>山田 太郎</氏名><電話>03-1</電話><電話>090-2</電話><住所 種別="現"><町字>本町</町字></住所></員>
  <員 番号="2"><氏名>山田 花子</氏名></員>
  <世帯主>1</世帯主></世帯>
<世帯 世帯番号="H2"><員 番号="3"><氏名>髙﨑 𠮷郎</氏名><住所><町字>新町</町字><方書>A棟</方書></住所></員><世帯主>3</世帯主></世帯>
</世帯一覧>"""
MEMBER_COLUMNS = [
    {"name": "@番号"}, {"name": "氏名"}, {"name": "電話", "optional": True},
    {"name": "住所/町字", "optional": True}, {"name": "住所/方書", "optional": True},
    {"name": "住所/@種別", "optional": True}, {"name": "../@世帯番号"}, {"name": "../世帯主"},
]  # fmt: skip

#: A flat record with an address below, in a namespace.
FLAT = XS.format(more=' targetNamespace="urn:kuzuhara" xmlns:k="urn:kuzuhara" elementFormDefault="qualified"', body="""
  <xs:element name="一覧"><xs:complexType>
    <xs:sequence><xs:element ref="k:者" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
    <xs:attribute name="件数" type="xs:int"/>
    <xs:attribute name="作成日" type="xs:date"/>
  </xs:complexType></xs:element>
  <xs:complexType name="人">
    <xs:sequence>
      <xs:element name="氏名"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="20"/></xs:restriction></xs:simpleType></xs:element>
      <xs:element name="住所" minOccurs="0"><xs:complexType><xs:sequence>
        <xs:element name="町字" type="xs:string"/><xs:element name="方書" type="xs:string" minOccurs="0"/>
      </xs:sequence></xs:complexType></xs:element>
    </xs:sequence>
    <xs:attribute name="番号" type="xs:string" use="required"/>
  </xs:complexType>
  <xs:element name="者" type="k:人"/>""")  # fmt: skip
FLAT_COLUMNS = [
    {"name": "@番号"}, {"name": "氏名"}, {"name": "住所/町字", "optional": True},
    {"name": "住所/方書", "optional": True},
]  # fmt: skip


def nested(folder: Path, **changes: Any) -> dict[str, Any]:
    """The declaration of the members' feed."""
    schema = folder / "nested.xsd"
    schema.write_text(NESTED, "utf-8")
    return {
        "kind": "xml", "root": "世帯一覧", "record": "世帯/員", "schema": str(schema), "count": "@件数",
        "lists": {"電話": "、"}, "columns": MEMBER_COLUMNS, "key": {"columns": ["@番号"]}, **changes,
    }  # fmt: skip


def flat(folder: Path, **changes: Any) -> dict[str, Any]:
    """The declaration of a flat feed in a namespace."""
    schema = folder / "flat.xsd"
    schema.write_text(FLAT, "utf-8")
    return {
        "kind": "xml", "root": "一覧", "record": "者", "schema": str(schema), "count": "@件数",
        "as_of": "@作成日", "namespace": "urn:kuzuhara", "columns": FLAT_COLUMNS,
        "key": {"columns": ["@番号"]}, **changes,
    }  # fmt: skip

"""Mapping files: the city's own load; a wrong one is told everything that is wrong with it."""

import copy
import json
import shutil
import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.unit.mapping.small import CODES, HEAD, field, load

from renkei import mapping
from renkei.errors import FixDeclaration
from renkei.mapping import schema
from renkei.mapping.steps import STEPS

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "docs" / "schemas" / "mapping.schema.json"


def problems(text: str, folder: Path, **where: Path) -> list[str]:
    with pytest.raises(FixDeclaration) as caught:
        load(text, folder, **where)
    return str(caught.value.facts["problems"]).splitlines()


def test_the_citys_feeds_load() -> None:
    feeds = {made.feed.id: made.feed for made in mapping.load_all(ROOT / "mappings")}

    assert sorted(feeds) == [
        "juki.resident",
        "tax.assessment",
        "tax.dependant",
        "tax.property",
        "tax.representation",
        "tax.returned_mail",
        "tax.taxpayer",
        "welfare.account",
        "welfare.benefit",
        "welfare.double_entitlement",
        "welfare.recipient",
    ]
    assert feeds["juki.resident"].lag == timedelta(hours=1)
    assert feeds["tax.taxpayer"].lag == timedelta(hours=26)
    assert {feed.delivers for feed in feeds.values()} == {"full"}


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    assert json.loads(PUBLISHED.read_text("utf-8")) == schema.MAPPING


@pytest.mark.parametrize("system", ["juki", "tax", "welfare"])
def test_the_published_schema_accepts_the_citys_mappings(system: str) -> None:
    from jsonschema import Draft202012Validator

    published = json.loads(PUBLISHED.read_text("utf-8"))
    Draft202012Validator.check_schema(published)
    declared = tomllib.loads((ROOT / "mappings" / f"{system}.toml").read_text("utf-8"))

    assert list(Draft202012Validator(published).iter_errors(declared)) == []


def test_a_feed_without_a_lag_has_a_night_and_a_morning(tmp_path: Path) -> None:
    [made] = load(HEAD, tmp_path)

    assert made.feed.lag == timedelta(hours=26)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[feed", "test.toml:0: expected TOML"),
        (HEAD.replace('owner = "情報政策課"\n', ""), "expected key owner"),
        (
            HEAD.replace("delivers", "deliver"),
            "test.toml:10: expected a known key, found deliver (nearest: delivers)",
        ),
        (
            HEAD.replace('"full"', '"fuIl"'),
            "test.toml:10: expected full | delta, found 'fuIl' (nearest: full)",
        ),
        (HEAD.replace('"person"', '"persons"'), "(nearest: person)"),
        (HEAD.replace("0 2 * * *", "0 2 * *"), "test.toml:11: expected five fields of cron"),
        (
            HEAD + field("full_nane", '"shimei"'),
            "test.toml:19: expected a column of person, found full_nane (nearest: full_name)",
        ),
        (HEAD + field("match_key", '"shimei"'), "expected a column of person, found match_key"),
        (
            HEAD + field("sex", '"s"', '[{ code = "sex_digits" }]'),
            "test.toml:21: expected a table in codes/, found sex_digits (nearest: sex_digit)",
        ),
        (
            HEAD + field("sex", '"s"', '["trin"]'),
            "test.toml:21: expected a known step, found trin (nearest: trim)",
        ),
        (HEAD + field("sex", '"s"', '["code"]'), "expected an argument for code, found none"),
        (HEAD + field("date_of_death", '"d"', '[{ wareki = "YYMMDD" }]'), "(nearest: GYYMMDD)"),
        (HEAD + field("date_of_death", '"d"', '[{ iso_date = true, unknow = "00" }]'), "(nearest: unknown)"),
        (HEAD + field("date_of_death", '"d"'), "expected date32[day] for date_of_death, found text"),
        (HEAD + field("full_name", '"d"', '["iso_date"]'), "expected string for full_name, found interval"),
        (HEAD + field("full_name", '"d"', '["integer", "trim"]'), "expected text before trim, found integer"),
        (HEAD + field("full_name", '"d"', '[{ matches = "(?=a)" }]'), "expected an RE2 expression"),
        (HEAD + field("full_name", '"d"', "[{ matches = 5 }]"), "expected an RE2 expression, found 5"),
        (HEAD + field("full_name", '"d"', '[{ pad = "6" }]'), "expected a width from 1 to 99, found '6'"),
        (HEAD + field("full_name", '"d"', "[{ pad = 0 }]"), "expected a width from 1 to 99, found 0"),
        (HEAD + field("full_name", '"d"', "[{ pad = true }]"), "expected a width from 1 to 99, found True"),
        (HEAD + field("full_name", '"d"', "[{ present = 1 }]"), "expected a word for present, found 1"),
        (HEAD + field("protected", '"d"', "[{ equals = 1 }]"), "expected a word for equals, found 1"),
        (HEAD + field("full_name", '"d"', '[{ trim = "left" }]'), "trim without an argument, found left"),
        (HEAD + field("sex", '"d"', '[{ code = ["sex_digit"] }]'), "expected a table in codes/"),
        (
            HEAD + field("protected", '"d"', '[{ boolean = true, yes = ["1", "2"], no = ["0", "2"] }]'),
            "expected either yes or no, found 2 in both",
        ),
        (
            HEAD + field("protected", '"d"', '[{ boolean = true, yes = "はい", no = ["0"] }]'),
            "expected yes and no: lists of texts",
        ),
        (
            HEAD + field("protected", '"d"', '[{ boolean = "yes", yes = ["1"], no = ["0"] }]'),
            "expected boolean = true, found 'yes'",
        ),
        (
            HEAD + field("address_key", '"d"', '[{ address_key = { municipality = "shi" } }]'),
            "expected a raw column, found shi",
        ),
        (HEAD + field("sex", '"s"') + field("sex", '"t"'), "expected one field a target, found sex twice"),
        (HEAD + '\n[[feed.field]]\nto = "sex"\n', "expected either from or value"),
        (HEAD.replace("source_key", "party_number"), "expected a field to = source_key"),
        (
            HEAD + '\n[[feed.ignored]]\nname = "bango"\nreason = "x"\n',
            "expected mapped or ignored, found bango both",
        ),
        (HEAD + '\n[[feed.ignored]]\nname = "x"\n', "expected key reason"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_nearest_name(text: str, said: str, tmp_path: Path) -> None:
    told = problems(text, tmp_path)

    assert any(said in problem for problem in told), told


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    codes.mkdir()
    (codes / "sex.toml").write_text('titel = "x"\n[[codes]]\ncode = "1"\nto = "1"\n', "utf-8")
    wrong = (
        field("full_nane", '"a"')
        + field("sex", '"b"', '["trin"]')
        + field("common_name", '"c"', '["integer"]')
    )

    assert len(problems(HEAD + wrong, tmp_path)) == 3
    assert len(problems(HEAD + wrong, tmp_path, codes=codes)) == 2  # the code table's own come first


def test_several_strange_and_missing_keys_are_each_told(tmp_path: Path) -> None:
    text = (
        HEAD.replace("delivers", "deliver")
        .replace("schedule", "scedule")
        .replace("connection ", "conection ")
    )

    told = problems(text, tmp_path)

    assert [line.split(" (")[0] for line in told if "known key" in line] == [
        "test.toml:8: expected a known key, found conection",
        "test.toml:10: expected a known key, found deliver",
        "test.toml:11: expected a known key, found scedule",
    ]
    assert sum("expected key" in line for line in told) == 3


def test_a_refusal_travels_between_processes(tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration) as caught:
        load(HEAD + field("full_nane", '"a"'), tmp_path)

    again = copy.copy(caught.value)  # by the same door as pickle
    assert str(again.facts["problems"]) == str(caught.value.facts["problems"])


FIXED = """system = "t"
title = "t"
owner = "t"

[[feed]]
name = "f"
connector = "sftp"
connection = "c"
delivers = "full"
schedule = "0 2 * * *"
record = "person"
format = { kind = "fixed", record = 10, header = "1", data = "2", trailer = "8"%s }

[[feed.field]]
to = "source_key"
from = { name = "A", at = 2, bytes = 4 }

[[feed.ignored]]
name = "B"
at = %d
bytes = %d
reason = "r"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FIXED % ("", 7, 4), "gap of 1 bytes"),
        (FIXED % ("", 5, 6), "overlap"),
        (FIXED % ("", 6, 4), "gap of 1 bytes"),
        (FIXED % ("", 6, 6), "overlap"),
        (FIXED % (', count = "KENSU"', 6, 5), "expected a column for count, found KENSU"),
        (FIXED % (', totals = [{ trailer = "G", of = "C" }]', 6, 5), "expected a column for totals, found C"),
    ],
)
def test_a_layout_must_fill_its_record_exactly(text: str, said: str, tmp_path: Path) -> None:
    assert any(said in problem for problem in problems(text, tmp_path))


def test_a_layout_that_fills_its_record_loads(tmp_path: Path) -> None:
    [made] = load(FIXED % ("", 6, 5), tmp_path)

    assert [column["name"] for column in made.feed.format["columns"]] == ["A", "B"]
    assert made.feed.format["key"] == {"columns": ["A"], "join": ""}


def test_the_digest_moves_with_the_mapping_and_with_its_code_tables(tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    codes.mkdir()
    table = 'title = "t"\n[[codes]]\ncode = "1"\nto = "1"\n'
    text = HEAD + field("sex", '"s"', '[{ code = "sex" }]')
    digests = []
    for written, declared in ((table, text), (table + 'label = "男"\n', text), (table, text + "max = 1\n")):
        (codes / "sex.toml").write_text(written, "utf-8")
        digests.append(load(declared, tmp_path, codes=codes)[0].digest)

    assert len(set(digests)) == 3
    assert all(len(digest) == 64 for digest in digests)


def test_the_digest_does_not_move_with_comments_or_unused_tables(tmp_path: Path) -> None:
    assert load(HEAD, tmp_path)[0].digest == load("# 注\n" + HEAD, tmp_path)[0].digest


VERSION = """
[[feed.version]]
from = 2027-04-01

[[feed.version.field]]
to = "full_name"
from = "shimei_atarashii"

[[feed.version.ignored]]
name = "shimei"
reason = "2027年4月から使わない"
"""


def test_a_version_takes_effect_on_its_day(tmp_path: Path) -> None:
    [made] = load(HEAD + field("full_name", '"shimei"') + VERSION, tmp_path)

    before, after = made.at(date(2027, 3, 31)), made.at(date(2027, 4, 1))

    assert before.raw_columns == ("bango", "shimei")
    assert after.raw_columns == ("bango", "shimei_atarashii")
    assert [column["name"] for column in after.feed.format["columns"]] == [
        "bango",
        "shimei_atarashii",
        "shimei",
    ]
    assert before.digest == after.digest


def test_a_version_is_checked_before_its_day(tmp_path: Path) -> None:
    wrong = VERSION.replace('to = "full_name"', 'to = "full_nane"')

    assert "full_nane" in problems(HEAD + wrong, tmp_path)[0]


def test_one_feed_id_is_declared_once(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(HEAD, "utf-8")
    (tmp_path / "codes").symlink_to(CODES)

    with pytest.raises(FixDeclaration) as caught:
        mapping.load_all(tmp_path)

    assert "test.people twice" in str(caught.value.facts["problems"])


def test_a_date_in_quotes_is_no_date(tmp_path: Path) -> None:
    told = problems(HEAD + VERSION.replace("2027-04-01", '"2027-04-01"'), tmp_path)

    assert "from: a date such as 2027-04-01" in told[0]


XML = """system = "t"
title = "t"
owner = "t"

[[feed]]
name = "f"
connector = "sftp"
connection = "c"
delivers = "full"
schedule = "0 2 * * *"
record = "person"
format = { kind = "xml", root = "一覧", record = "者", schema = "s.xsd" }

[[feed.field]]
to = "source_key"
from = "@番号"
"""
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="者"><xs:complexType>
<xs:sequence><xs:element name="氏名"/></xs:sequence><xs:attribute name="番号"/></xs:complexType></xs:element>
</xs:schema>"""


@pytest.mark.parametrize(
    ("xsd", "text", "said"),
    [
        (None, XML, "expected a file of the project, found s.xsd"),
        ("<nothing/>", XML, "expected an XML schema"),
        ("<cut", XML, "expected an XML schema"),
        (XSD, XML, "expected 氏名 in both, found only in the schema"),
        (XSD, XML + field("full_name", '"氏明"'), "found only in the mapping (nearest: 氏名)"),
    ],
)
def test_a_schema_and_its_mapping_know_the_same_columns(
    xsd: str | None, text: str, said: str, tmp_path: Path
) -> None:
    if xsd is not None:
        (tmp_path / "s.xsd").write_text(xsd, "utf-8")

    assert any(said in problem for problem in problems(text, tmp_path))


def test_the_manual_shows_every_step_in_the_words_of_the_code() -> None:
    manual = (ROOT / "docs" / "mapping.md").read_text("utf-8")
    table = manual.split("| step | does |\n|---|---|\n")[1].split("\n\n")[0]
    rows = [line.replace("\\|", "|") for line in table.splitlines()]

    for name, kind in STEPS.items():
        assert any(name in row and row.endswith(f"| {kind.says} |") for row in rows), name
    assert len(rows) == len(STEPS)


def test_a_changed_part_of_a_schema_is_another_mapping(tmp_path: Path) -> None:
    for name in ("welfare.toml", "codes", "schemas"):
        source, target = ROOT / "mappings" / name, tmp_path / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    schema = tmp_path / "schemas" / "welfare_benefit.xsd"
    part = tmp_path / "schemas" / "part.xsd"
    head, tail = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">', "</xs:schema>"
    part.write_text(
        f'{head}<xs:simpleType name="月"><xs:restriction base="xs:string"/></xs:simpleType>{tail}', "utf-8"
    )
    text = schema.read_text("utf-8")
    schema.write_text(text.replace(head, f'{head}<xs:include schemaLocation="part.xsd"/>'), "utf-8")
    before = {
        each.feed.id: each.digest
        for each in mapping.load(tmp_path / "welfare.toml", codes=tmp_path / "codes")
    }

    part.write_text(part.read_text("utf-8").replace("xs:string", "xs:token"), "utf-8")

    after = {
        each.feed.id: each.digest
        for each in mapping.load(tmp_path / "welfare.toml", codes=tmp_path / "codes")
    }
    assert {name for name in after if after[name] != before[name]} == {"welfare.benefit"}


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('name = "people"', 'name = "people\\n"', "name: pattern"),
        ('system = "test"', 'system = "test\\n"', "system: pattern"),
        ('from = "bango"', 'from = "__rec_no"', "a raw column of the source, found __rec_no"),
        ('from = "bango"', 'value = "1"', "a key from the record, found value"),
        ('record = "person"', 'record = "person"\nlag = "99999999999d"', "lag: pattern"),
    ],
)
def test_what_would_only_fail_in_a_run_is_refused_when_it_is_read(
    right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    told = problems(HEAD.replace(right, wrong, 1), tmp_path)

    assert any(said in problem for problem in told), told


def test_a_share_that_is_no_number_is_refused(tmp_path: Path) -> None:
    expect = '\n[[feed.expect]]\nfield = "full_name"\nshare = nan\n'

    assert "a share from 0 to 1" in problems(HEAD + field("full_name", '"n"') + expect, tmp_path)[0]

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from tests.unit.sample.conftest import DAY

from renkei_sample.legacy.welfare_files import benefit_file, recipient_file
from renkei_sample.state import CityState

SCHEMAS = Path(__file__).parents[3] / "mappings" / "schemas"


def unplanted(state: CityState, feed: str) -> set[str]:
    return {item.source_key for item in state.ledger.rejects if item.feed == feed}


def test_the_stated_count_is_the_number_of_elements(planted: CityState) -> None:
    for content in (
        recipient_file(list(planted.recipients.values()), day=DAY),
        benefit_file(list(planted.benefits.values()), day=DAY),
    ):
        root = etree.fromstring(content)
        assert int(root.get("件数")) == len(root)
        assert root.get("作成日") == "2026-11-20"


@pytest.mark.parametrize("name", ["recipient", "benefit"])
def test_every_record_but_the_planted_rejects_keeps_the_schema(planted: CityState, name: str) -> None:
    path = SCHEMAS / f"welfare_{name}.xsd"
    if not path.exists():
        pytest.skip("the schema is not there yet")
    bad = unplanted(planted, f"welfare.{name}")
    table, write = {
        "recipient": (planted.recipients, recipient_file),
        "benefit": (planted.benefits, benefit_file),
    }[name]

    schema = etree.XMLSchema(file=str(path))
    document = etree.fromstring(write([row for key, row in table.items() if key not in bad], day=DAY))

    assert schema.validate(document), schema.error_log


def test_a_missing_number_is_an_absent_element_and_a_missing_building_an_empty_one(
    planted: CityState,
) -> None:
    row = replace(next(iter(planted.recipients.values())), atena_no=None, katagaki="", shien=None)

    (item,) = etree.fromstring(recipient_file([row], day=DAY))

    assert item.find("住民宛名番号") is None
    assert item.find("支援措置") is None
    assert item.find("方書") is not None


def test_marks_of_xml_in_a_value_stay_text(planted: CityState) -> None:
    row = replace(next(iter(planted.recipients.values())), katagaki="A&B<C>棟")

    (item,) = etree.fromstring(recipient_file([row], day=DAY))

    assert item.findtext("方書") == "A&B<C>棟"

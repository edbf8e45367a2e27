"""Nights of sample cities, made by their legacy writers and read by the hub, without any server."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from tests.spec.test_mapping_city import arrow_file

from renkei import formats, mapping
from renkei.mapping.contract.profile import Profile, profile_of
from renkei.model import Batch, Mapped
from renkei.records import RECORD_TYPES
from renkei_sample import events, tax_books
from renkei_sample.base import found
from renkei_sample.legacy import tax_files, welfare_files
from renkei_sample.state import CityState

DAY = date(2026, 11, 20)
MAPPINGS = Path(__file__).parents[4] / "mappings"


@cache
def feeds() -> dict[str, mapping.Mapping]:
    return {made.feed.id: made for made in mapping.load_all(MAPPINGS)}


def contents(city: CityState, day: date) -> dict[str, bytes]:
    tax = {"day": day, "generation": 1}
    return {
        "tax.taxpayer": tax_files.taxpayer_file(list(city.taxpayers.values()), **tax),
        "tax.assessment": tax_files.assessment_file(tax_books.assessments(city), **tax),
        "welfare.recipient": welfare_files.recipient_file(list(city.recipients.values()), day=day),
        "welfare.benefit": welfare_files.benefit_file(list(city.benefits.values()), day=day),
        "juki.resident": arrow_file(list(city.residents.values())),
    }


def nights(folder: Path, *, residents: int, seed: int, count: int) -> Iterator[dict[str, Batch]]:
    """Every feed's delivery, night after night."""
    city = found(residents=residents, seed=seed, day=DAY)
    for number in range(count):
        day = DAY + timedelta(days=number)
        if number:
            events.replay(city, day)
        yield {feed: read(feed, content, folder) for feed, content in contents(city, day).items()}


def read(feed: str, content: bytes, folder: Path) -> Batch:
    place = folder / feed
    place.write_bytes(content)
    return formats.read(place, feeds()[feed].feed.format, feed=feed)


def looks(feed: str, batch: Batch) -> Profile:
    """The profile of a delivery of which the mapping took every record."""
    made = feeds()[feed]
    records = RECORD_TYPES[made.feed.record].schema.empty_table()
    mapped = Mapped(
        feed=feed, record=made.feed.record, records=records, rejects=batch.rejects, mapping_digest=made.digest
    )
    return profile_of(made, batch, mapped)

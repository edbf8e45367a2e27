"""Persons of a standard system: what changed comes as a delta, corrections go back row by row."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from tests.conformance.kit import Subject
from tests.integration.connectors.peers import free_port
from tests.integration.connectors.rest_provider import SECRET, Provider, connection_to, person, provider, rest
from tests.integration.connectors.rest_reading import DELTA, feed, fill, rows_of
from tests.integration.connectors.test_rest_push import NOBODY, outgoing, row

from renkei.model import Delivery, Outgoing

__all__ = ["provider", "rest", "rest_subject"]


@pytest.fixture
def rest_subject(rest: ModuleType, provider: Provider, tmp_path: Path) -> Subject:
    """Three pages of persons."""
    fill(provider, 60)

    def change() -> None:
        provider.now += timedelta(hours=1)
        provider.put("0000000007", person(7, kanji="山田　太郎"))
        provider.put("0000000999", person(999))
        provider.persons.pop("0000000008", None)
        provider.changed["0000000008"] = provider.now

    def sent(number: int) -> Outgoing:
        moved = row(number + 1, kanji=f"送信　{number}"), row(number + 1)
        born = row(number + 500), NOBODY
        return outgoing(moved, born, key=f"push-{number}")

    return Subject(
        module=rest,
        connection=connection_to(provider, tmp_path),
        unreachable=connection_to(provider, tmp_path, port=free_port()),
        feed=feed("offset", page_size=20, **DELTA),
        workdir=tmp_path / "work",
        secrets=(SECRET,),
        port=provider.port,
        at=lambda port: connection_to(provider, tmp_path, port=port, timeout="2"),
        change=change,
        truth=lambda: {number: _told(json.loads(text)) for number, text in provider.persons.items()},
        held=_held,
        push_feed=feed(),
        outgoing=sent,
        effects=lambda: provider.effects,
    )


def _told(item: dict[str, object]) -> str:
    name = item["name"]
    assert isinstance(name, dict)
    return repr([name["kanji"], name["kana"]])


def _held(deliveries: Sequence[Delivery]) -> dict[str, str]:
    """A whole delivery replaces everything; a delta changes and ends what it names."""
    stands: dict[str, str] = {}
    for delivery in deliveries:
        stands = {} if delivery.is_whole else stands
        for each in rows_of(delivery):
            stands[each["no"]] = repr([each["kanji"], each["kana"]])
            if each["__gone"]:
                del stands[each["no"]]
    return stands

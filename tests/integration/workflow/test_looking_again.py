"""Nights that look only at who has changed keep the same books as a night that looks at everybody."""

from datetime import timedelta
from pathlib import Path
from random import Random

import sqlalchemy as sa
from tests.integration.workflow.town import DAY, NEXT, NOBODY, TWO_PEOPLE, build, people

from renkei import project, workflow
from renkei.landing import Landing


def test_looking_at_everybody_after_random_nights_changes_nothing(
    tmp_project: Path, registry: sa.Engine
) -> None:
    town = build(tmp_project, registry)
    town.edit(Path("renkei.toml"), TWO_PEOPLE, NOBODY)
    town.edit(Path("renkei.toml"), "least = 5", "least = 50")
    rng, rows = Random(7), people(20)
    for number in range(4):
        day = DAY + timedelta(days=number)
        for row in rng.sample(rows, 3):
            row["address"] = rng.choice(["", "本町9番"])
        town.deliver(rows[: rng.randint(17, 20)])
        town.sync(day)
        town.reconcile(day)
        looked_at, compared = town.rows("SELECT looked_at, compared FROM rule_result ORDER BY ctid DESC")[0]
        assert looked_at < compared or number == 0

        made = workflow.reconcile(
            project.load(town.root), as_of=day, actor="tester", trigger="test", whole=True
        )

        assert set(vars(made.cases).values()) == {0}
    assert town.rows('SELECT count(*) FROM "case"') != [(0,)]


def test_a_night_is_compared_as_it_was_until_a_later_one_is_settled(
    tmp_project: Path, registry: sa.Engine
) -> None:
    town = build(tmp_project, registry)
    town.edit(Path("renkei.toml"), TWO_PEOPLE, NOBODY)
    one, *others = people(6)
    for day, address in ((DAY, ""), (NEXT, "本町1番")):
        town.deliver([one | {"address": address}, *others])
        town.sync(day)

    assert town.reconcile(DAY).found == 1
    assert town.reconcile(NEXT).found == 0
    for _ in range(2):
        assert set(vars(town.reconcile(DAY).cases).values()) == {0}


def test_a_state_of_the_night_before_that_is_damaged_means_looking_at_everybody(
    tmp_project: Path, registry: sa.Engine
) -> None:
    town = build(tmp_project, registry)
    town.edit(Path("renkei.toml"), TWO_PEOPLE, NOBODY)
    one, *others = people(6)
    for day, address in ((DAY, "本町1番"), (NEXT, "")):
        town.deliver([one | {"address": address}, *others])
        town.sync(day)
        if day == DAY:
            town.reconcile(day)
    ((digest,),) = town.rows("SELECT snapshot FROM compared_state WHERE feed = 'town.person'")
    place = Landing(town.root / "var" / "landing").path(digest)
    place.chmod(0o600)
    place.write_bytes(place.read_bytes()[:-200] + b"\0" * 200)

    assert town.reconcile(NEXT).found == 1

    assert town.rows("SELECT looked_at, compared FROM rule_result ORDER BY ctid DESC")[0] == (6, 6)

"""A night tells of each mismatch why its values differ, from the delivery to the case."""

from pathlib import Path

import sqlalchemy as sa
from tests.integration.workflow.town import DAY, NEXT, NO_ADDRESS, NOBODY, RULE, TWO_PEOPLE, build, people

SELECT, _, _ = NO_ADDRESS.partition("[[must_find]]")
SECOND_DIFFERS = (
    SELECT.replace("'missing'", "'other_place'")
    .replace("p.source_key AS right_key", "o.source_key AS right_key")
    .replace("WHERE p.address IS NULL", "JOIN town.person AS o ON o.resident_kind = p.resident_kind\n"
             "WHERE p.source_key = '1' AND o.source_key = '2' AND p.address <> o.address")
) + """
[[must_find]]
story = "二人の住所が違う"
as_of = 2026-11-20
given."town.person" = '''
resident_id | source_key | resident_kind | address
1           | 1          | japanese      | 本町1
2           | 2          | japanese      | 本町2
'''
finds = '''
resident_id | left_key | right_key
1           | 1        | 2
'''

[[must_not_find]]
story = "二人の住所が同じ"
as_of = 2026-11-20
given."town.person" = '''
resident_id | source_key | resident_kind | address
1           | 1          | japanese      | 本町1
2           | 2          | japanese      | 本町1
'''
"""  # fmt: skip


def test_why_is_kept_with_the_mismatch_and_follows_the_values(tmp_project: Path, registry: sa.Engine) -> None:
    town = build(tmp_project, registry)
    town.edit(Path("renkei.toml"), TWO_PEOPLE, NOBODY)
    (town.root / RULE).write_text(SECOND_DIFFERS, "utf-8")
    one, two, *others = people(6)

    def night(day: object, address: str) -> list[tuple[object, ...]]:
        town.deliver([one | {"address": "本町12番34号"}, two | {"address": address}, *others])
        town.sync(day)
        assert town.reconcile(day).found == 1
        return town.rows("SELECT why, why_detail ->> 'kind', why_detail -> 'right_marks' FROM mismatch")

    assert night(DAY, "本町12番43号") == [("transposed", "swapped", [[5, 7]])]
    assert night(NEXT, "本町１２番３４号") == [("notation", "width", [[2, 4], [5, 7]])]

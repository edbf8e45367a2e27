"""Mappings with strong ids: what they may do with a number, what they make of it, and what they show."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.mapping.small import DAY, HEAD, batch, field, load

from renkei import mapping
from renkei.errors import FixDeclaration, Stop
from renkei.mapping import examples
from renkei.mapping.explain import explain
from renkei.mapping.masking import HIDDEN
from renkei.model import Mapped
from renkei.vault.tokens import TokenKey

NUMBER, OTHER, WRONG = "123456789018", "987654321093", "123456789019"
CODE, ODD_CODE = "12345678903", "12345678904"
KOJIN = field("individual_number_token", '"kojin"', '[{ token = "individual_number" }]')
JUMIN = field("resident_code_token", '"jumin"', '[{ token = "resident_code" }]')


def mapped(tmp_path: Path, fields: str, **columns: list[str | None]) -> Mapped:
    rows = len(next(iter(columns.values())))
    [made] = load(HEAD + fields, tmp_path)
    columns["bango"] = [f"{number:03d}" for number in range(1, rows + 1)]
    return mapping.apply(made.keyed(TokenKey(tmp_path / "keys")), batch(**columns), as_of=DAY)


def test_a_number_leaves_beside_the_records_and_is_in_none(tmp_path: Path) -> None:
    made = mapped(tmp_path, KOJIN, kojin=[NUMBER, None, "１２３４ ５６７８ ９０１８", WRONG])

    [first, none, same] = made.records.column("individual_number_token").to_pylist()
    assert (first, none) == (same, None)
    assert made.numbers is not None
    assert made.numbers.to_pylist() == [
        {"source_key": key, "token": first, "number": NUMBER} for key in ("001", "003")
    ]
    assert NUMBER not in str(made.records.to_pylist())
    assert NUMBER not in repr(made)
    assert WRONG not in str(made.rejects.to_pylist())


def test_a_wrong_check_digit_sets_the_record_aside(tmp_path: Path) -> None:
    made = mapped(tmp_path, KOJIN, kojin=[WRONG, NUMBER])

    [reject] = made.rejects.to_pylist()
    assert (reject["field"], reject["code"]) == ("kojin", "E_CHECK_DIGIT")
    assert made.records.num_rows == 1


def test_a_doubtful_resident_code_is_taken_in_and_counted(tmp_path: Path) -> None:
    made = mapped(tmp_path, JUMIN, jumin=[CODE, ODD_CODE, "123", None, "00000000000"])

    tokens = made.records.column("resident_code_token").to_pylist()
    assert [token is not None for token in tokens] == [True, True, False, False, False]
    assert made.doubts == {"jumin": 2}
    assert made.rejects.num_rows == 0
    assert made.numbers is None


def test_a_record_says_under_which_key_its_tokens_are(tmp_path: Path) -> None:
    assert mapped(tmp_path, JUMIN, jumin=[CODE]).token_key == TokenKey(tmp_path / "keys").key_id
    assert mapped(tmp_path, field("full_name", '"shimei"'), shimei=["葛原花子"]).token_key is None


def test_the_same_batch_under_the_same_key_is_the_same_bytes(tmp_path: Path) -> None:
    first, second = (mapped(tmp_path, KOJIN + JUMIN, kojin=[NUMBER], jumin=[CODE]) for _ in range(2))

    assert first.records.equals(second.records)


def test_without_a_key_a_mapping_with_tokens_maps_nothing(tmp_path: Path) -> None:
    [made] = load(HEAD + JUMIN, tmp_path)

    with pytest.raises(Stop, match="E_SECRET_KEY"):
        mapping.apply(made, batch(bango=["1"], jumin=[CODE]), as_of=DAY)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (field("individual_number_token", '"kojin"'), "no token"),
        (field("individual_number_token", '"kojin"', '[{ token = "resident_code" }]'), 'token = "resident_code"'),
        (field("full_name", '"kojin"', '[{ token = "individual_number" }]'), 'token = "individual_number"'),
        (field("individual_number_token", '"kojin"', '[{ token = "kojin" }]'), "kojin"),
        (KOJIN + field("full_name", '"kojin"'), "full_name reads it too"),
        (field("sex", '"kojin"', '[{ check_digit = "kojin" }]') + field("address", '"kojin"'), "address reads it"),
        (KOJIN.replace("}]", '}, "trim"]'), "token"),
        (field("residence_card_number", '"card"'), "a number of any form"),
    ],
)  # fmt: skip
def test_a_number_goes_nowhere_but_into_its_token(tmp_path: Path, fields: str, found: str) -> None:
    with pytest.raises(FixDeclaration, match="E_DECLARATION") as refused:
        load(HEAD + fields, tmp_path)

    assert found in str(refused.value.facts["problems"])


def test_an_example_may_not_say_a_token(tmp_path: Path) -> None:
    example = (
        '\n[[feed.example]]\ntitle = "トークン"\ngiven = { jumin = "12345678903" }\ngives = { %s = "x" }\n'
    )

    with pytest.raises(FixDeclaration) as refused:
        load(HEAD + JUMIN + example % "resident_code_token", tmp_path)

    assert "no token" in str(refused.value.facts["problems"])


def test_examples_run_without_a_key_and_tell_no_number(tmp_path: Path) -> None:
    example = f'\n[[feed.example]]\ntitle = "違う番号"\ngiven = {{ kojin = "{WRONG}" }}\nrefused = "E_CHECK_DIGIT"\n'
    [made] = load(HEAD + KOJIN + example, tmp_path)

    [outcome] = examples.run(made, as_of=DAY)

    assert outcome.passed


@pytest.mark.parametrize(("number", "refused"), [(NUMBER, None), (WRONG, "E_CHECK_DIGIT")])
def test_the_way_of_a_number_is_told_without_the_number_or_its_token(
    tmp_path: Path, number: str, refused: str | None
) -> None:
    [made] = load(HEAD + KOJIN, tmp_path)
    made = made.keyed(TokenKey(tmp_path / "keys"))

    told = explain(made, {"bango": "001", "kojin": number}, as_of=DAY)

    [way] = [each for each in told.fields if each.to == "individual_number_token"]
    assert (way.raw, way.text, way.value) == ((("kojin", HIDDEN),), HIDDEN, HIDDEN)
    assert way.refused == refused
    real = mapping.apply(made, batch(bango=["001"], kojin=[number]), as_of=DAY)
    assert number not in repr(told)
    assert all(
        token not in repr(told) for token in real.records.column("individual_number_token").to_pylist()
    )


def test_a_field_that_only_checks_a_number_hides_it_too(tmp_path: Path) -> None:
    [made] = load(HEAD + field("sex", '"kojin"', '[{ check_digit = "kojin" }]'), tmp_path)

    assert NUMBER not in repr(explain(made, {"bango": "001", "kojin": NUMBER}, as_of=DAY))
    open_rule = replace(made.fields[-1], steps=())
    seen = replace(made, fields=(made.fields[0], open_rule))
    assert NUMBER in repr(explain(seen, {"bango": "001", "kojin": NUMBER}, as_of=DAY))  # the guard's twin

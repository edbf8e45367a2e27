"""What a city says of the vault: nothing is off, and on needs a basis, a term and a task."""

import tomllib

import pytest

from renkei.vault.policy import OFF, policy_of

ON = """
individual_number = "on"
legal_basis = "番号法9条2項 葛原市条例（架空）"
retention = "5y"
[[purpose]]
code = "tax"
task = "個人住民税の賦課"
article = "番号法別表24の項"
"""


def test_nothing_said_is_off() -> None:
    assert policy_of({}) == OFF
    assert policy_of({"individual_number": "off"}) == OFF


def test_on_says_its_basis_its_term_and_its_tasks() -> None:
    made = policy_of(tomllib.loads(ON))

    assert (made.is_on, made.retention_years) == (True, 5)
    found = made.purpose("tax")
    assert found is not None
    assert found.article == "番号法別表24の項"
    assert made.purpose("welfare") is None


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"on"', "true", "individual_number"),
        ("legal_basis", "basis", "legal_basis"),
        ('"番号法9条2項 葛原市条例（架空）"', '" "', "legal_basis"),
        ('"5y"', '"forever"', "retention"),
        ('"5y"', "5", "retention"),
        ('article = "番号法別表24の項"', "", "article"),
        ("[[purpose]]", "[[purposes]]", "purpose"),
        ("[[purpose]]", '[[purpose]]\ncode = "tax"\ntask = "a"\narticle = "b"\n[[purpose]]', "purpose"),
    ],
)
def test_on_with_anything_missing_is_refused_by_name(old: str, new: str, named: str) -> None:
    assert old in ON

    with pytest.raises(ValueError, match=named):
        policy_of(tomllib.loads(ON.replace(old, new)))

"""Expressions that take other engines for ever: refused when they are read, or done in linear time."""

import time
from pathlib import Path

import pytest
from tests.unit.mapping.small import HEAD, field, load, mapped

from renkei.errors import FixDeclaration

#: Known to grow exponentially or worse in engines that track back, each with a text that makes them.
HOSTILE = {
    "nested plus": "^(a+)+$",
    "nested star": "^(a*)*$",
    "alternation": "^(a|a)*$",
    "overlapping alternation": "^(a|aa)+$",
    "quantified groups": "^(.*a){12}$",
    "words": r"^([a-zA-Z]+)*$",
    "trailing spaces": r"^\s*a*\s*a*\s*$",
}
REFUSED = {
    "back reference": r"^(a)\1$",
    "look ahead": "^(?=a)a$",
    "look behind": "(?<=a)b",
    "too much": "(a{1000}){1000}",
}


@pytest.mark.parametrize("expression", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_expression_is_done_in_linear_time(expression: str, tmp_path: Path) -> None:
    fields = field("full_name", '"n"', f"[{{ matches = '{expression}' }}]")
    begun = time.perf_counter()

    result = mapped(fields, tmp_path, n=["a" * 20_000 + "!"] * 50)

    assert result.rejects.num_rows == 50
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED)
def test_an_expression_that_cannot_be_done_so_does_not_load(expression: str, tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration):
        load(HEAD + field("full_name", '"n"', f"[{{ matches = '{expression}' }}]"), tmp_path)

"""What people type is kept for ever, so it holds no individual number. Numbers are synthetic (TEST)."""

import pytest

from renkei.errors import FixDeclaration
from renkei.vault.typed import refuse_number


@pytest.mark.parametrize(
    "text",
    ["123456789018の照合", "個人番号 1234-5678-9018", "１２３４　５６７８　９０１８", "第3号、123456789018"],
)
def test_a_text_with_an_individual_number_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(FixDeclaration, match="E_NUMBER_TYPED") as told:
        refuse_number("申告書との照合", text)

    assert "5678" not in str(told.value) + repr(told.value.facts)


@pytest.mark.parametrize(
    "text", [None, "", "廃棄決裁 令和8年第12号", "123456789017", "1234567890180", "2026-11-22"]
)
def test_other_figures_may_be_typed(text: str | None) -> None:
    refuse_number(text)

"""What a person types and what is kept for ever (a reason, a purpose) holds no individual number."""

import re

from renkei.errors import FixDeclaration

#: Figures with what people write between them, as long as they go on.
_RUN = re.compile(r"\d(?:[-‐−－ー \u3000]?\d)*")
_FIGURES = 12
_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def refuse_number(*texts: str | None) -> None:
    """FixDeclaration E_NUMBER_TYPED where a text holds twelve figures whose check digit is right.

    The trail is never rewritten, so a number would stay in it. One in eleven other numbers of twelve figures
    is refused too.
    """
    for text in texts:
        for run in _RUN.findall(text or ""):
            figures = [int(char) for char in run if char.isdecimal()]
            if len(figures) == _FIGURES and figures[-1] == _check_digit(figures):
                raise FixDeclaration("E_NUMBER_TYPED")


def _check_digit(figures: list[int]) -> int:
    rest = sum(figure * weight for figure, weight in zip(figures[:-1], _WEIGHTS, strict=True)) % 11
    return 0 if rest <= 1 else 11 - rest

"""The run report's colours, read from its own style, against WCAG 2.2."""

import re
from importlib import resources

import pytest

STYLE = resources.files("renkei.report").joinpath("style.css").read_text("utf-8")


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    channels = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def declared(selector: str, attribute: str) -> str:
    block = re.search(rf"^{re.escape(selector)} {{([^}}]*)}}", STYLE, re.MULTILINE)
    assert block, selector
    found = re.search(rf"(?<![-\w]){attribute}:[^;#]*(#[0-9a-fA-F]+)", block[1])
    assert found, (selector, attribute)
    return found[1]


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        (("body", "color"), "#fff"),
        (("a", "color"), "#fff"),
        (("dt", "color"), "#fff"),
        (("summary", "color"), "#fff"),
        (("svg text", "fill"), "#fff"),
        (("svg text", "fill"), ("thead th", "background")),
        (("svg text", "fill"), (".day.held", "fill")),
        (("svg .mark.merged", "fill"), (".day.merged", "fill")),
        (("svg .mark.refused", "fill"), (".day.refused", "fill")),
    ],
)
def test_text_stands_out_at_least_4_5_to_1(text: tuple[str, str], ground: str | tuple[str, str]) -> None:
    behind = ground if isinstance(ground, str) else declared(*ground)
    assert contrast(declared(*text), behind) >= 4.5


@pytest.mark.parametrize(
    ("selector", "attribute"),
    [
        ("rect.merged", "fill"), ("rect.unchanged", "stroke"), ("rect.superseded", "stroke"),
        ("rect.rejected", "fill"), ("rect.opened", "fill"), ("rect.closed", "stroke"),
        ("rect.standing", "fill"), ("rect.minutes", "fill"), (".day", "stroke"), (".day.held", "stroke"),
        (".day.refused", "stroke"), ("th, td", "border"),
    ],
)  # fmt: skip
def test_marks_stand_out_at_least_3_to_1(selector: str, attribute: str) -> None:
    assert contrast(declared(selector, attribute), "#fff") >= 3


def test_the_measure_knows_black_from_grey() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777", "#fff") < 4.5

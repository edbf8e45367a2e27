"""What people read instead of codes, in both languages (``labels.toml``)."""

import tomllib
from functools import cache
from importlib import resources


@cache
def _labels() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(resources.files("renkei.report").joinpath("labels.toml").read_text("utf-8"))


def label(kind: str, code: object, *, language: str = "ja") -> str:
    """The word for a code; a code that the table does not know is shown as it is."""
    words = _labels()[kind].get(str(code))
    return str(code) if words is None else words[language == "en"]

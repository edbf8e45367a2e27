"""What people read instead of codes, in both languages (``labels.toml``)."""

from functools import cache


@cache
def _labels() -> dict[str, dict[str, list[str]]]:
    import tomllib
    from importlib import resources

    return tomllib.loads(resources.files("renkei.report").joinpath("labels.toml").read_text("utf-8"))


def label(kind: str, code: object, *, language: str = "ja") -> str:
    """The word for a code; a code that the table does not know is shown as it is."""
    words = _labels()[kind].get(str(code))
    return str(code) if words is None else words[language == "en"]

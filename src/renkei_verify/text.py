"""What the program says, in the user's language."""

import os
import tomllib
from importlib import resources

TEXTS = tomllib.loads(resources.files("renkei_verify").joinpath("texts.toml").read_text("utf-8"))


def say(code: str, *, language: str | None = None, **facts: object) -> str:
    """The sentence for a code: English where it is asked for by name or environment, else Japanese."""
    wanted = language or os.environ.get("RENKEI_LANG") or os.environ.get("LANG") or "ja"
    return str(TEXTS[code][wanted.lower().startswith("en")]).format_map(facts)

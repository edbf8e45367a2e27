"""The language of the person at the terminal. Imports next to nothing, so that ``--help`` answers at once."""

import os


def language_of_user() -> str:
    """``ja`` or ``en``, from ``RENKEI_LANG``, then ``LANG``; Japanese when neither says."""
    wanted = os.environ.get("RENKEI_LANG") or os.environ.get("LANG") or "ja"
    return "en" if wanted.lower().startswith("en") else "ja"


def say(ja: str, en: str) -> str:
    """The sentence in the language of the person at the terminal."""
    return en if language_of_user() == "en" else ja

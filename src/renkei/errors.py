"""Every error the hub raises, named by what to do next.

    RenkeiError
    ├── TryAgain          a passing fault: the run may be tried again, nothing was written
    ├── FixDeclaration    an engineer corrects a mapping, rule or setting (file, line, expected, found)
    ├── RejectRecord      one record is set aside with a reason, the run goes on
    └── Stop              integrity or permission: nothing is written until a person acts
        └── Hold          a delivery waits for a person; other feeds go on

Each carries a stable code; ``error_catalogue.toml`` says in Japanese and English what happened,
what was kept safe and what to do. Facts are ids, counts and names of fields, never a resident's data.
"""

from functools import cache
from typing import Any

from renkei.language import language_of_user

__all__ = [
    "FixDeclaration",
    "Hold",
    "RejectRecord",
    "RenkeiError",
    "Stop",
    "TryAgain",
    "catalogue",
    "explain",
    "language_of_user",
]


class RenkeiError(Exception):
    """The root. ``code`` is stable; ``facts`` fill the catalogue's texts."""

    retryable = False

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts: dict[str, Any] = dict(facts)

    def __str__(self) -> str:
        return f"{self.code}: {explain(self.code, language='en', facts=self.facts)}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.code, self.facts))

    def text(self, language: str | None = None) -> str:
        """The three sentences in the language of the user (``ja`` unless asked otherwise)."""
        return explain(self.code, language=language or language_of_user(), facts=self.facts)


class TryAgain(RenkeiError):
    """A passing fault of a link or a lock; a later attempt may succeed."""

    retryable = True


class FixDeclaration(RenkeiError):
    """A mapping, rule or setting is wrong; ``problems`` lists all of them at once."""


class RejectRecord(RenkeiError):
    """One record cannot be taken; it is set aside and counted."""


class Stop(RenkeiError):
    """Something that must never be guessed away; nothing was written."""


class Hold(Stop):
    """This delivery waits for a person's decision; nothing of it was merged."""


def _rebuild(kind: type[RenkeiError], code: str, facts: dict[str, Any]) -> RenkeiError:
    return kind(code, **facts)


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Code → texts ``what_ja safe_ja next_ja what_en safe_en next_en``."""
    import tomllib
    from importlib import resources

    return tomllib.loads(resources.files("renkei").joinpath("error_catalogue.toml").read_text("utf-8"))


def explain(
    code: str, *, language: str, facts: dict[str, Any] | None = None,
    parts: tuple[str, ...] = ("what", "safe", "next"),
) -> str:  # fmt: skip
    """What happened, what was kept safe, what to do next; unknown facts stay as their names.

    A fact may be worded for each language: ``{"ja": …, "en": …}``.
    """
    texts = catalogue().get(code)
    if texts is None:
        return " ".join(f"{name}={value}" for name, value in (facts or {}).items())
    said = [texts[f"{part}_{language}"] for part in parts]
    return " ".join(said).format_map(_Facts(_worded(facts or {}, language)))


def _worded(facts: dict[str, Any], language: str) -> dict[str, Any]:
    return {
        name: value[language] if isinstance(value, dict) and language in value else value
        for name, value in facts.items()
    }


class _Facts(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return f"<{name}>"

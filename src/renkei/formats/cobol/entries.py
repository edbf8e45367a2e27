"""Data description entries: a sentence of a copybook as one item with its clauses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from renkei.formats.cobol import picture
from renkei.formats.cobol.faults import Faults
from renkei.formats.cobol.picture import NotAPicture, Picture
from renkei.formats.cobol.source import Sentence, Token

#: Usages in the words of a copybook → one word each. COMP is BINARY, as in every compiler we know of.
USAGES = {
    **dict.fromkeys(["DISPLAY"], "DISPLAY"),
    **dict.fromkeys(["COMP", "COMPUTATIONAL", "BINARY", "COMP-4", "COMPUTATIONAL-4"], "COMP"),
    **dict.fromkeys(["COMP-3", "COMPUTATIONAL-3", "PACKED-DECIMAL"], "COMP-3"),
    **dict.fromkeys(["COMP-5", "COMPUTATIONAL-5"], "COMP-5"),
    **dict.fromkeys(["COMP-1", "COMPUTATIONAL-1"], "COMP-1"),
    **dict.fromkeys(["COMP-2", "COMPUTATIONAL-2"], "COMP-2"),
    **dict.fromkeys(["NATIONAL"], "NATIONAL"),
    **dict.fromkeys(["DISPLAY-1"], "DISPLAY-1"),
    **dict.fromkeys(["INDEX"], "INDEX"),
}

_REFUSED_USAGES = {
    "COMP-6", "COMPUTATIONAL-6", "COMP-X", "COMPUTATIONAL-X", "COMP-N", "COMPUTATIONAL-N", "POINTER", "BIT",
    "BINARY-CHAR", "BINARY-SHORT", "BINARY-LONG", "BINARY-DOUBLE", "FUNCTION-POINTER", "PROCEDURE-POINTER",
    "OBJECT", "UTF-8", "FLOAT-SHORT", "FLOAT-LONG",
}  # fmt: skip

_FILLING = {"IS", "ARE", "ON", "BY", "TIMES", "CHARACTER", "WHEN", "KEY", "RIGHT", "LEFT"}
_ZERO = {"ZERO", "ZEROS", "ZEROES"}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A level 88: its name and the values, or the first and last of a range, under which it is true."""

    name: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Occurs:
    """``least`` to ``most`` times; ``depending`` names the item that says how often."""

    least: int
    most: int
    depending: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One level of a record with its clauses, as written; groups pass usage and sign on to what they hold."""

    level: int
    name: str
    line: int
    redefines: str | None = None
    picture: Picture | None = None
    usage: str | None = None
    occurs: Occurs | None = None
    sign: tuple[str, bool] | None = None
    is_synchronized: bool = False
    is_blank_when_zero: bool = False
    codes: tuple[Condition, ...] = ()

    @property
    def is_filler(self) -> bool:
        """True for an item without a name."""
        return self.name.upper() == "FILLER"


@dataclass(kw_only=True)
class _Words:
    """The rest of one sentence."""

    tokens: Sentence
    at: int = 0
    clauses: dict[str, Any] = field(default_factory=dict)

    @property
    def next(self) -> str:
        """The next word, or nothing at the end."""
        return self.tokens[self.at].word if self.at < len(self.tokens) else ""

    @property
    def line(self) -> int:
        return self.tokens[min(self.at, len(self.tokens) - 1)].line

    def take(self) -> Token:
        """The next token, which is then behind us; the last one again at the end."""
        self.at += 1
        return self.tokens[min(self.at, len(self.tokens)) - 1]

    def skip(self) -> None:
        """Past the words that mean nothing."""
        while self.next in _FILLING:
            self.at += 1


def entries(sentences: Sequence[Sentence], faults: Faults) -> list[Entry]:
    """Every item in its order, level 88 with the item before it. Faults are collected."""
    made: list[Entry] = []
    for sentence in sentences:
        level = sentence[0].word
        if not level.isascii() or not level.isdigit():
            faults.add(sentence[0].line, expected="a level number", found=sentence[0].text)
        elif int(level) == 88:
            _condition(sentence, made, faults)
        elif 1 <= int(level) <= 49 or int(level) == 77:
            made.append(_entry(sentence, faults))
        else:
            found = "66 RENAMES" if int(level) == 66 else f"level {level}"
            faults.add(sentence[0].line, expected="levels 01 to 49, 77 and 88", found=found)
    return made


def _entry(sentence: Sentence, faults: Faults) -> Entry:
    words = _Words(tokens=sentence, at=1)
    name = "FILLER"
    if words.next and words.next not in _CLAUSES:
        name = words.take().text
    while words.next:
        token = words.take()
        read = _CLAUSES.get(token.word)
        if read is None:
            found = f"USAGE {token.text}" if token.word in _REFUSED_USAGES else token.text
            faults.add(token.line, expected="a clause of a data item that is read here", found=found)
            break
        read(words, token, faults)
    level = int(sentence[0].text)
    return Entry(level=1 if level == 77 else level, name=name, line=sentence[0].line, **words.clauses)


# clauses ------------------------------------------------------------------------------------------


def _redefines(words: _Words, _: Token, __: Faults) -> None:
    words.clauses["redefines"] = words.take().text


def _picture(words: _Words, token: Token, faults: Faults) -> None:
    words.skip()
    if not words.next:
        faults.add(token.line, expected="a picture", found="nothing")
        return
    given = words.take()
    try:
        words.clauses["picture"] = picture.parse(given.text)
    except NotAPicture as error:
        faults.add(given.line, expected=str(error), found=f"PIC {given.text}")


def _usage(words: _Words, token: Token, faults: Faults) -> None:
    if token.word == "USAGE":
        words.skip()
        token = words.take()
    if token.word in USAGES:
        words.clauses["usage"] = USAGES[token.word]
    else:
        faults.add(token.line, expected="a usage that is read here", found=f"USAGE {token.text}")


def _sign(words: _Words, token: Token, faults: Faults) -> None:
    if token.word == "SIGN":
        words.skip()
        token = words.take()
    if token.word not in {"LEADING", "TRAILING"}:
        faults.add(token.line, expected="SIGN LEADING or TRAILING", found=token.text)
        return
    is_separate = words.next == "SEPARATE"
    if is_separate:
        words.take()
        words.skip()
    words.clauses["sign"] = (token.word, is_separate)


def _occurs(words: _Words, token: Token, faults: Faults) -> None:
    least = most = _whole(words, faults)
    if words.next == "TO":
        words.take()
        most = _whole(words, faults)
    words.skip()
    depending = None
    if words.next == "DEPENDING":
        words.take()
        words.skip()
        depending = _qualified(words)
        least = 0 if least == most else least
    _keys_and_indexes(words)
    if not 0 < most <= picture.MOST_PLACES or least > most:
        faults.add(token.line, expected="OCCURS n or n TO m", found=f"{least} to {most}")
        return
    words.clauses["occurs"] = Occurs(least=least, most=most, depending=depending)


def _whole(words: _Words, faults: Faults) -> int:
    token = words.take()
    if not (token.text.isascii() and token.text.isdigit()):
        faults.add(token.line, expected="a whole number", found=token.text)
        return 1
    return int(token.text)


def _qualified(words: _Words) -> str:
    """``KO OF OYA`` → ``OYA.KO``."""
    name = words.take().text
    while words.next in {"OF", "IN"}:
        words.take()
        name = f"{words.take().text}.{name}"
    return name


def _keys_and_indexes(words: _Words) -> None:
    """KEY and INDEXED BY belong to programs; their names are passed over."""
    while words.next in {"ASCENDING", "DESCENDING", "INDEXED"}:
        words.take()
        words.skip()
        while words.next and words.next not in _CLAUSES and words.next not in {"ASCENDING", "DESCENDING"}:
            words.take()


def _synchronized(words: _Words, _: Token, __: Faults) -> None:
    words.skip()
    words.clauses["is_synchronized"] = True


def _justified(words: _Words, _: Token, __: Faults) -> None:
    """A rule for MOVE, not for bytes: leading blanks of such an item are read and written as they are."""
    words.skip()


def _blank(words: _Words, token: Token, faults: Faults) -> None:
    words.skip()
    if words.take().word not in _ZERO:
        faults.add(token.line, expected="BLANK WHEN ZERO", found="BLANK")
    words.clauses["is_blank_when_zero"] = True


def _value(words: _Words, _: Token, __: Faults) -> None:
    """What a program puts there first says nothing of a file."""
    words.skip()
    while words.next and words.next not in _CLAUSES:
        words.take()


def _nothing(_: _Words, __: Token, ___: Faults) -> None:
    """EXTERNAL and GLOBAL say who may see an item."""


_CLAUSES = {
    "REDEFINES": _redefines,
    **dict.fromkeys(["PIC", "PICTURE"], _picture),
    **dict.fromkeys(["USAGE", *USAGES], _usage),
    **dict.fromkeys(["SIGN", "LEADING", "TRAILING"], _sign),
    "OCCURS": _occurs,
    **dict.fromkeys(["SYNC", "SYNCHRONIZED"], _synchronized),
    **dict.fromkeys(["JUST", "JUSTIFIED"], _justified),
    "BLANK": _blank,
    **dict.fromkeys(["VALUE", "VALUES"], _value),
    **dict.fromkeys(["EXTERNAL", "GLOBAL"], _nothing),
}


# level 88 -----------------------------------------------------------------------------------------


def _condition(sentence: Sentence, made: list[Entry], faults: Faults) -> None:
    words = _Words(tokens=sentence, at=1)
    if not made or len(sentence) < 4 or sentence[2].word not in {"VALUE", "VALUES"}:
        faults.add(sentence[0].line, expected="88 name VALUE, after an item", found=sentence[-1].text)
        return
    name = words.take().text
    words.take()
    words.skip()
    condition = Condition(name=name, values=tuple(_values(words)))
    made[-1] = replace(made[-1], codes=(*made[-1].codes, condition))


def _values(words: _Words) -> Iterator[tuple[str, str]]:
    while words.next:
        first = last = literal(words.take().text)
        if words.next in {"THRU", "THROUGH"}:
            words.take()
            last = literal(words.take().text)
        yield first, last


_FIGURATIVE: Mapping[str, str] = {
    **dict.fromkeys(["SPACE", "SPACES"], ""),
    **dict.fromkeys(_ZERO, "0"),
}


def literal(text: str) -> str:
    """What a literal stands for: ``'A''B'`` → ``A'B``, ``N"課税"`` → ``課税``, ``SPACE`` → nothing."""
    body = text.lstrip("NGnghHxXzZcC") if text[-1] in "'\"" else text
    if body[0] not in "'\"":
        return _FIGURATIVE.get(text.upper(), text)
    quote = body[0]
    return body[1:-1].replace(quote * 2, quote)

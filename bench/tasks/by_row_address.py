"""An address by rows: fold, find the longest town, cut the numbers; the same tables, the usual way."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from renkei.mapping.address import Towns, folding, nationwide
from renkei.mapping.address.folding import BORDER

_KANJI = "[一二三四五六七八九十百千]"
_FIGURES = "〇一二三四五六七八九"
_VALUES = {figure: value for value, figure in enumerate(_FIGURES)}
_MORE = "二三四五六七八九"
_NUMERAL = re.compile(f"([一{_MORE}]?千)?([{_MORE}]?百)?([{_MORE}]?十)?([一{_MORE}])?|〇")
_BETWEEN = re.compile(r"([0-9])[番号ノー][番号ノー\-]*([0-9])")
_CHOME = re.compile(r"([0-9])-?(?:丁目|番地)[ノ\-]?")
_TAIL = re.compile(r"([0-9])[番号ノー\-]+$")
_BORDER_AFTER = re.compile(f"([0-9]) *({_KANJI})")
_BORDER_BEFORE = re.compile(f"({_KANJI}) *([0-9])")
_APART = re.compile("([0-9]) +([0-9])")
_NUMBERS = re.compile(f"{folding.NUMBERS}.*$")
_SAID, _DENIED, _SHORT = re.compile("[0-9]+丁目"), re.compile("[0-9]+番"), re.compile("[0-9]{1,2}-")
_FIRST = re.compile("([0-9]+)-?")
_PLAIN = re.compile("[0-9]+(?:-[0-9]+)*")

_LETTER = "[甲乙丙丁戊己庚辛壬癸イロハニホヘトチリヌルヲ]"
_UNIT = "(?:地割|線|条|区|組|班|丁|街区|部|割)"
_SPLIT = re.compile(
    rf"((?:[^0-9]*[0-9]+{_UNIT})*[^0-9{BORDER}]*)([0-9]+(?:[-ノ]?{_LETTER}?[-ノ]?[0-9]+)*)"
    rf"(?:[-ノ]*({_LETTER})$|[番号地ノ\-{BORDER}]*(.*)$)"
)
_ROOM = re.compile(r"-([0-9]+号?(?:室|棟|館).*)$")
_BUILDING = re.compile("[ァ-ヶー]{2}|[A-Za-z]|[荘寮館方室棟階邸苑園亭宅]|団地|宿舎|病院|会館|住居|建物")
_NEARBY = re.compile(f"(?:{_UNIT}|地?先|地?内|付近|隣|裏|横|無番地|番外|外[0-9]|[、，,・]|及ビ)")
_INNER = re.compile(f"[-ノ]?({_LETTER})[-ノ]?")
_HEAD = re.compile(f"^({_LETTER})(?:号|ノ部)$")
_LOOSE = re.compile("-([^0-9])")


class Place(NamedTuple):
    """What the address step makes, without 町字ID, which only a city's own table has."""

    key: str | None
    town: str | None
    block: str | None
    number: str | None
    branch: str | None
    level: str | None


class _Read(NamedTuple):
    rest: str
    block: str | None = None
    number: str | None = None
    branch: str | None = None
    building: str | None = None


class _Town(NamedTuple):
    skip: int
    name: str
    chome: bool
    longer: bool


def _folder(table: Mapping[str, str]) -> Callable[[str], str]:
    pairs = {old: new for old, new in table.items() if len(old) > 1}
    singles = str.maketrans({old: new for old, new in table.items() if len(old) == 1})
    found = re.compile("|".join(map(re.escape, sorted(pairs, key=len, reverse=True))))
    return lambda text: found.sub(lambda match: pairs[match[0]], text).translate(singles)


_characters = _folder(folding._characters())  # noqa: SLF001 - the same table, so that the keys can be compared


def place(text: str, code: str, *, strip: tuple[str, ...], towns: Towns | None = None) -> Place:
    """``132055|梅郷1-2-3`` and its parts; a city's own towns over those of the nation."""
    city = _city(code, strip, towns or nationwide())
    folded = _fold(text)
    if not folded:
        return Place(None, None, None, None, None, None)
    found = _town(_NUMBERS.sub("", folded)[:48], city)
    if found is None or found.longer:
        found = _town(folded[:48], city) or found
    skip = found.skip if found else _skipped(folded[:48], city)
    town, rest = (found.name if found else None), folded[skip:].lstrip("-" + BORDER)
    said, bare = _SAID.match(rest), found is not None and found.chome and not _DENIED.match(rest)
    rest = _hyphenate(rest).rstrip("-")
    if town is not None and (said or (bare and _SHORT.match(rest))):
        first = _FIRST.match(rest)
        town, rest = (_joined(town, first[1]), rest[first.end() :]) if first else (town, rest)
    read = _Read(rest, *_cut(rest)) if town is not None and _PLAIN.fullmatch(rest) else _odd(rest, town)
    body = _joined(town or "", read.rest)
    level = _level(read, town, is_known=bool(city.towns))
    return Place(f"{code}|{body}" if body else None, town, read.block, read.number, read.branch, level)


def _level(read: _Read, town: str | None, *, is_known: bool) -> str:
    if town is None:
        return "municipality" if is_known else "none"
    if read.building:
        return "building"
    return "number" if read.number else "block" if read.block else "town"


def _fold(text: str) -> str:
    folded = _BORDER_AFTER.sub(rf"\1{BORDER}\2", _characters(text))
    folded = _NUMERAL.sub(_number, _BORDER_BEFORE.sub(r"\1-\2", folded))
    return _APART.sub(r"\1-\2", _APART.sub(r"\1-\2", folded)).replace(" ", "")


def _number(match: re.Match[str]) -> str:
    """二十三 → 23; a figure alone is itself."""
    if not match[0] or match[0] == "〇":
        return match[0] and "0"
    parts = zip(match.groups(), (1000, 100, 10, 1), strict=True)
    return str(sum(_VALUES.get(part[0], 1) * unit for part, unit in parts if part))


class _City(NamedTuple):
    """Key of a town → its name in a key, divided into 丁目, borne by several places, begins a longer one.

    ``always`` are the names that go in any case, ``either`` the municipality's two, of which one goes.
    """

    towns: dict[str, tuple[str, bool, bool, bool]]
    longest: int
    always: tuple[str, ...]
    either: tuple[str, str]


@cache
def _city(code: str, strip: tuple[str, ...], table: Towns) -> _City:
    rows = table.keys.filter(code=code).select("key", "name", "chome", "repeated", "longer").rows()
    towns = {key: (name, chome, repeated, longer) for key, name, chome, repeated, longer in rows}
    named = table.names.filter(code=code).select("prefecture", "municipality", "short").rows()
    prefecture, full, short = named[0] if named else ("", "", "")
    own = [folding.fold_text(name) for name in sorted(strip, key=len, reverse=True)]
    longest = max(map(len, towns), default=0)
    return _City(towns, longest, (*own, prefecture or ""), (full or "", short or ""))


def _skipped(head: str, city: _City) -> int:
    """How many characters the names of prefecture and municipality take."""
    bare = head
    for name in city.always:
        bare = bare.removeprefix(name)
    bare = next((bare[len(name) :] for name in city.either if name and bare.startswith(name)), bare)
    return len(head) - len(bare)


def _town(head: str, city: _City) -> _Town | None:
    """The longest town, behind the names or from the very beginning."""
    named = _skipped(head, city)
    for skip in (named, 0):
        for length in range(min(len(head) - skip, city.longest), 0, -1):
            end = skip + length
            hit = city.towns.get(head[skip:end])
            if not hit or (head[end - 1].isdigit() and head[end : end + 1].isdigit()):
                continue
            if skip == 0 and length < named:
                continue
            if hit[2]:
                break
            return _Town(end, hit[0], hit[1], hit[3])
    return None


def _hyphenate(text: str) -> str:
    text = _TAIL.sub(r"\1", _CHOME.sub(r"\1-", text))
    return _BETWEEN.sub(r"\1-\2", _BETWEEN.sub(r"\1-\2", text))


def _cut(numbers: str) -> tuple[str | None, str | None, str | None]:
    block, number, branch, *_ = (*numbers.split("-", 2), None, None)
    return block, number, branch


def _odd(rest: str, town: str | None) -> _Read:
    """Numbers with something around them, without the building; all of it where no town was found."""
    kept = rest.replace(BORDER, "-")
    split = _SPLIT.match(_ROOM.sub(rf"{BORDER}\1", rest)) if town is not None else None
    if town is None:
        return _Read(kept)
    after = (split[4] or "") if split else ""
    if split is None or (after and (_NEARBY.match(after) or not _BUILDING.search(after))):
        return _Read(_LOOSE.sub(r"\1", kept), "無番地" if rest == "無番地" else None)
    before = _HEAD.sub(r"\1", split[1]).rstrip("ノ-")
    numbers = _INNER.sub(r"\1", split[2]) + (split[3] or "")
    block, number, branch = _cut(numbers)
    return _Read(before + numbers, before + (block or ""), number, branch, after or None)


def _joined(town: str, rest: str) -> str:
    meet = town[-1:].isdigit() and rest[:1].isdigit()
    return f"{town}-{rest}" if meet else town + rest

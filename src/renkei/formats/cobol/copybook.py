"""A copybook file → its records, or everything that is wrong with it at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renkei.formats.cobol.entries import entries
from renkei.formats.cobol.faults import Fault, Faults, refuse
from renkei.formats.cobol.layout import Record, record_of
from renkei.formats.cobol.source import Sentence, read_source, sentences
from renkei.formats.cobol.tree import Compiler, grow

_SUFFIXES = ("", ".cpy", ".CPY", ".cbl", ".CBL", ".cob", ".COB", ".copy")
#: COPY inside a text that was copied inside a text …
_DEEPEST = 8


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the text is to be read, and the compiler whose rules hold."""

    encoding: str | None = None
    form: str | None = None
    replacing: Mapping[str, str] = field(default_factory=dict)
    compiler: Compiler = field(default_factory=Compiler)
    redefines: Sequence[Mapping[str, Any]] = ()


def load(path: Path, reading: Reading | None = None, *, feed: str = "") -> tuple[Record, ...]:
    """Every record of the copybook. FixDeclaration lists all that is wrong with it."""
    records, faults = examine(path, reading or Reading())
    refuse(faults, feed=feed)
    return records


def examine(path: Path, reading: Reading) -> tuple[tuple[Record, ...], list[Fault]]:
    """The records as far as they can be read, and every fault."""
    texts = _Texts(reading=reading)
    sentences_read = texts.read(path)
    faults = Faults(file=path.name)
    nodes = grow(entries(sentences_read, faults), reading.compiler, faults)
    if not nodes and not texts.faults and not faults.found:
        faults.add(0, expected="at least one item", found="none")
    is_sound = not faults.found and not texts.faults
    records = tuple(record_of(node, reading.redefines, faults) for node in nodes) if is_sound else ()
    faults.found += _unused(reading.redefines, records, path)
    return records, [*texts.faults, *faults.found]


def sources(path: Path) -> tuple[Path, ...]:
    """The file and every file that it copies: what a digest of the declaration must cover."""
    texts = _Texts(reading=Reading())
    texts.read(path)
    return tuple(dict.fromkeys(texts.files))


def _unused(rules: Sequence[Mapping[str, Any]], records: Sequence[Record], path: Path) -> list[Fault]:
    """Rules that are about no redefined item of any record."""
    known = {name.upper() for record in records for area in record.areas for name in area.names}
    return [
        Fault(file=path.name, line=0, expected="an item that is redefined", found=f"redefines {rule['item']}")
        for rule in rules
        if records and rule["item"].upper() not in known
    ]


@dataclass(kw_only=True)
class _Texts:
    """The text and what it copies, as one run of sentences."""

    reading: Reading
    faults: list[Fault] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def read(self, path: Path, depth: int = 0) -> list[Sentence]:
        """Sentences of a file, with those of what it copies in their places."""
        faults = Faults(file=path.name)
        raw = read_source(path, faults)
        self.files.append(path)
        reading = self.reading
        found = sentences(
            raw, faults, encoding=reading.encoding, form=reading.form, replacing=reading.replacing
        )
        made: list[Sentence] = []
        for sentence in found:
            made += self._copied(sentence, path, depth, faults) if _is_copy(sentence) else [sentence]
        self.faults += faults.found
        return made

    def _copied(self, sentence: Sentence, path: Path, depth: int, faults: Faults) -> list[Sentence]:
        words = {token.word for token in sentence}
        line = sentence[0].line
        if sentence[0].word != "COPY" or "REPLACING" in words or len(sentence) < 2:
            expected = "the text after replacing (a compiler prints it: cobc -E)"
            faults.add(line, expected=expected, found=" ".join(token.text for token in sentence[:3]))
            return []
        name = sentence[1].text.strip("'\"")
        place = _beside(path, name)
        if place is None or depth == _DEEPEST:
            faults.add(line, expected=f"a file {name} beside {path.name}", found="none")
            return []
        return self.read(place, depth + 1)


def _is_copy(sentence: Sentence) -> bool:
    return any(token.word in {"COPY", "REPLACE"} for token in sentence)


def _beside(path: Path, name: str) -> Path | None:
    """The copied file in the same folder, whatever the case of its name."""
    if "/" in name or "\\" in name:
        return None
    wanted = {(name + suffix).lower() for suffix in _SUFFIXES}
    found = sorted(place for place in path.parent.iterdir() if place.name.lower() in wanted)
    return found[0] if found else None

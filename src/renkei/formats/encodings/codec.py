"""A character set with a city's tables around it: strict both ways, and it remembers what it converted."""

import re
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from renkei.formats.encodings import gaiji as private
from renkei.formats.encodings.blocks import Bytes, Faults, Reasons, cells_of, is_ascii, unencodable
from renkei.formats.encodings.charset import Charset, has_codes
from renkei.formats.encodings.gaiji import MARK, MARK_START, PRIVATE, Gaiji
from renkei.formats.encodings.padding import filled_with_wide, padded
from renkei.formats.encodings.rows import has_nul, patched, private_rows, rows_with
from renkei.formats.losses import Losses, points

#: What a fixed-length layout fills the end of a column with: half- and full-width spaces.
PADDING = " \u3000"

_HALF_WIDTH = re.compile(r"[\x00-\x7f｡-ﾟ]")
_SPECIAL = re.compile(f"\0|{PRIVATE.pattern}")


class _Unmapped(Exception):
    """A character that the table does not map, at this index of the text."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(why)
        self.at, self.why = at, why


class Codec:
    """Text ↔ bytes of one file. Made anew for each file, because ``losses`` belongs to the file."""

    def __init__(
        self,
        charset: Charset,
        *,
        gaiji: Gaiji = private.NONE,
        substitutes: Mapping[str, str] | None = None,
        losses: Losses | None = None,
    ) -> None:
        self._charset = charset
        self._gaiji = gaiji
        self._substitutes = dict(substitutes or {})
        self.losses = Losses() if losses is None else losses
        self.name = charset.name
        self.blank, self.wide_blank = charset.blank, charset.wide_blank
        self.is_stateless = not charset.shift_out

    @cached_property
    def national(self) -> "Codec":
        """The codec of fields that hold wide characters alone, without shifts (PIC N, PIC G)."""
        tables: dict[str, Any] = {"gaiji": self._gaiji, "substitutes": self._substitutes}
        return Codec(self._charset.national, losses=self.losses, **tables)

    def decode(self, raw: bytes, *, record: int | None = None) -> str:
        """Text of the bytes; UnicodeDecodeError with ``start`` for what is not defined or not mapped."""
        text = self._charset.decode(raw)
        try:
            return self._settled(text, record=record)
        except _Unmapped as unmapped:
            at = self._charset.place_of(raw, unmapped.at)
            raise UnicodeDecodeError(self.name, raw, at, at + 1, unmapped.why) from None

    def decode_cells(
        self, values: pa.Array, *, first: int = 0, padding: str = "", wide: bool = False
    ) -> tuple[pa.Array, Faults]:
        """Text of each binary value, and row → byte offset of those that cannot be decoded (null).

        A null counts as empty. ``first`` is the record number of the first row, for the loss report.
        Under ``wide`` a half-width character is a fault too: in a column of kanji it means that a shift
        code was lost.
        """
        texts, faults = self._charset.decode_array(values, padding)
        changed: dict[int, str | None] = {}
        for row in self._rows_to_settle(texts, wide=wide):
            try:
                changed[row] = self._settled(texts[row].as_py(), record=first + row, wide=wide)
            except _Unmapped as unmapped:
                changed[row] = None
                faults[row] = self._charset.place_of(values[row].as_py(), unmapped.at)
        return patched(texts, changed), faults

    def decode_block(self, cells: Bytes, *, first: int = 0, wide: bool = False) -> tuple[pa.Array, Faults]:
        """Text of each row of a (rows, width) block without the padding at its end; see ``decode_cells``."""
        return self.decode_cells(cells_of(cells), first=first, padding=PADDING, wide=wide)

    def encode(self, text: str, *, record: int | None = None) -> bytes:
        """Bytes that read back as the text; UnicodeEncodeError for what has no code and no substitute."""
        self._refuse_meaningless(text)
        made, found = self._own_codes(text), []
        if self._missing:
            found = self._missing.findall(made)
            made = self._missing.sub(lambda each: self._instead[each[0]], made)
        raw = self._charset.encode(made)
        for each in found:
            self._note(each, code=points(each), became=self._instead[each], record=record)
        return raw

    def encode_cells(self, texts: pa.Array, *, first: int = 0) -> tuple[pa.Array, Reasons]:
        """Bytes of each text, and row → reason (a code and facts) of those that have none (null)."""
        texts = texts.fill_null("")
        raws, reasons = self._charset.encode_array(texts)
        changed: dict[int, bytes | None] = {}
        for row in sorted({*self._rows_of_tables(texts), *reasons}):
            try:
                changed[row] = self.encode(texts[row].as_py(), record=first + row)
                reasons.pop(row, None)
            except UnicodeEncodeError as error:
                changed[row] = None
                reasons[row] = unencodable(error)
        return patched(raws, changed), reasons

    def encode_block(
        self, texts: pa.Array, width: int, *, first: int = 0, pad: Literal["blank", "wide"] = "blank"
    ) -> tuple[Bytes, Reasons]:
        """Cells of ``width`` bytes, filled with blanks; a value that does not fit is never cut.

        ``pad="wide"`` fills with full-width spaces, inside the shifts where the encoding has them.
        """
        raws, reasons = self.encode_cells(texts, first=first)
        if pad == "wide" and self._has_wide_blank:
            fill = {"wide_blank": self.wide_blank, "shift_out": self._charset.shift_out}
            texts = filled_with_wide(pc.if_else(raws.is_valid(), texts, ""), raws, width, **fill)
            raws, _ = self._again().encode_cells(texts)
        cells, misfits = padded(raws, width, blank=self.blank)
        return cells, misfits | reasons

    @cached_property
    def _has_wide_blank(self) -> bool:
        """True unless the set has single bytes only, which are filled with those."""
        return has_codes(self._charset, "\u3000")

    def _again(self) -> "Codec":
        """The same codec with a report of its own, for what was encoded and reported once already."""
        return Codec(self._charset, gaiji=self._gaiji, substitutes=self._substitutes)

    def _settled(self, text: str, *, record: int | None, wide: bool = False) -> str:
        """The text with every 外字 as the table says; none leaves as a private-use character."""
        half_width = _HALF_WIDTH.search(text) if wide else None
        if half_width:
            raise _Unmapped(half_width.start(), "half-width in a column of wide characters")
        if self._gaiji.unmapped == "keep" and MARK_START in text:
            raise _Unmapped(text.index(MARK_START), "text that looks like the mark of a 外字")
        return _SPECIAL.sub(lambda found: self._became(found, record=record), text)

    def _became(self, found: re.Match[str], *, record: int | None) -> str:
        char, at = found[0], found.start()
        if char == "\0":
            raise _Unmapped(at, "NUL")
        code = self._charset.code_of(char)
        became = self._gaiji.text_of(code)
        identity = private.mark(self._gaiji.system or self.name, code)
        self._note(identity, code=code, became=became or "", record=record)
        if became is None:
            raise _Unmapped(at, "外字 that no table maps")
        return became

    def _rows_to_settle(self, texts: pa.Array, *, wide: bool) -> list[int]:
        rows = set(private_rows(texts))
        rows |= set(rows_with(texts, r"\x00")) if has_nul(texts) else set()
        rows |= set(rows_with(texts, MARK_START)) if self._gaiji.unmapped == "keep" else set()
        rows |= set(rows_with(texts, _HALF_WIDTH.pattern)) if wide else set()
        return sorted(rows)

    def _refuse_meaningless(self, text: str) -> None:
        """A NUL, a bare private-use character, or a 外字 of another system means nothing in this encoding."""
        if "\0" in text:  # no reader of ours takes it, and no database
            at = text.index("\0")
            raise UnicodeEncodeError(self.name, text, at, at + 1, "NUL")
        for found in (PRIVATE.search(text), *MARK.finditer(text)):
            if found and not (found.re is MARK and found[1] == self._gaiji.system):
                raise UnicodeEncodeError(
                    self.name, text, found.start(), found.end(), "外字 of another system"
                )

    def _own_codes(self, text: str) -> str:
        """The text with this system's 外字 as the private-use characters that stand for their codes."""
        written = self._gaiji.written
        pattern = self._written
        if pattern is None:
            return text
        return pattern.sub(lambda found: self._private_char(text, found, written), text)

    def _private_char(self, text: str, found: re.Match[str], written: Mapping[str, str]) -> str:
        char = self._charset.char_of(written.get(found[0]) or found[2])
        if char is None:
            raise UnicodeEncodeError(self.name, text, found.start(), found.end(), "no such 外字")
        return char

    @cached_property
    def _written(self) -> re.Pattern[str] | None:
        """Everything that is written as a 外字: mapped texts, longest first, and this system's own marks."""
        if not self._gaiji.system:
            return None
        return re.compile("|".join([MARK.pattern, *filter(None, [_any_of(self._gaiji.written)])]))

    def _rows_of_tables(self, texts: pa.Array) -> list[int]:
        """Rows that the charset alone cannot be trusted with."""
        rows = {*private_rows(texts), *rows_with(texts, MARK_START)}
        rows |= set(rows_with(texts, r"\x00")) if has_nul(texts) else set()
        if self._gaiji.written and not is_ascii(texts):
            rows |= set(rows_with(texts, _any_of(self._gaiji.written)))
        return sorted(rows)

    @cached_property
    def _instead(self) -> Mapping[str, str]:
        """What is written for texts that have no code: look-alikes, and what the city says."""
        tables = {**self._charset.lookalikes, **self._substitutes}
        return {key: text for key, text in tables.items() if not has_codes(self._charset, key)}

    @cached_property
    def _missing(self) -> re.Pattern[str] | None:
        return re.compile(_any_of(self._instead)) if self._instead else None

    def _note(self, character: str, *, code: str, became: str, record: int | None) -> None:
        self.losses.add(encoding=self.name, character=character, code=code, became=became, record=record)


def _any_of(texts: Collection[str]) -> str:
    """A pattern of all of them, longest first; single characters as one class, fast for thousands."""
    singles = "".join(re.escape(text) for text in texts if len(text) == 1)
    longer = sorted((text for text in texts if len(text) > 1), key=len, reverse=True)
    return "|".join([*map(re.escape, longer), *([f"[{singles}]"] if singles else [])])

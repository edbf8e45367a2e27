"""外字: characters that only one system knows. Their identity is (system, code), never a code point.

While bytes are being decoded, a 外字 is the private-use character that its character set assigns to the
code. Before anything leaves the codec it becomes what the city's table says, or the record is set aside,
or, where the table says ``unmapped = "keep"``, a mark that names system and code: 〔外字:tax:F040〕.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: What private-use characters look like in text; none of them ever leaves a codec.
PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")

#: Characters that belong to the one before them: variation selectors and the two kana marks.
FOLLOWER = re.compile("[\ufe00-\ufe0f\u3099\u309a\U000e0100-\U000e01ef]")

#: A mark that stands for a 外字 nobody has mapped yet.
MARK = re.compile(r"〔外字:([A-Za-z0-9_.-]+):([0-9A-F]+)〕")

MARK_START = "〔外字:"


def mark(system: str, code: str) -> str:
    """The mark of one 外字; it keeps system and code readable wherever the text goes."""
    return f"{MARK_START}{system}:{code}〕"


@dataclass(frozen=True, kw_only=True)
class Glyph:
    """One 外字 that the city has looked at: the code in hex and the Unicode text that it is.

    ``one_way``: it is read as ``text`` but ``text`` is never written as this code.
    """

    code: str
    text: str
    mj: str = ""
    note: str = ""
    date: str = ""
    one_way: bool = False


@dataclass(frozen=True, kw_only=True)
class Gaiji:
    """A city's table of the 外字 of one system (外字対応表), and what to do with those not in it."""

    system: str = ""
    unmapped: Literal["reject", "keep"] = "reject"
    glyphs: Mapping[str, Glyph] = field(default_factory=dict)

    def text_of(self, code: str) -> str | None:
        """What the 外字 becomes; None where its record is to be set aside."""
        glyph = self.glyphs.get(code)
        if glyph is not None:
            return glyph.text
        return mark(self.system, code) if self.unmapped == "keep" else None

    @property
    def written(self) -> dict[str, str]:
        """Text → code for every 外字 that is also written back."""
        return {glyph.text: code for code, glyph in self.glyphs.items() if not glyph.one_way}


#: No table: every 外字 sets its record aside.
NONE = Gaiji()

"""On which line of a TOML file a value stands; the standard parser does not say."""

import re
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_TABLES = re.compile(r"^\s*\[\[\s*([\w.\-]+)\s*\]\]")
_TABLE = re.compile(r"^\s*\[\s*([\w.\-]+)\s*\]")
_KEY = re.compile(r"^\s*([\w\-]+|\"[^\"]+\")\s*=")


@dataclass
class Lines:
    """Path of a value → its line; a path that was not seen gives the line of its nearest parent."""

    found: dict[Path, int] = field(default_factory=dict)

    def of(self, path: Path) -> int:
        """Line of the value, or of the table that holds it."""
        while path:
            if path in self.found:
                return self.found[path]
            path = path[:-1]
        return 1


def locate(text: str) -> Lines:
    """Read headers and keys of a TOML text; keys inside inline tables share their line."""
    lines = Lines()
    here: Path = ()
    counts: dict[Path, int] = {}
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if inside or line.count('"""') % 2:
            inside ^= bool(line.count('"""') % 2)
        elif header := _TABLES.match(line):
            here = _next(_resolve(header[1], counts), counts)
            lines.found[here] = number
        elif header := _TABLE.match(line):
            here = _resolve(header[1], counts)
            lines.found[here] = number
        if key := _KEY.match(line):
            lines.found.setdefault((*here, key[1].strip('"')), number)
    return lines


def _resolve(dotted: str, counts: dict[Path, int]) -> Path:
    """``feed.field`` → ("feed", 2, "field") where two feeds stand before it."""
    path: Path = ()
    for name in dotted.split("."):
        path = (*path, name)
        if path in counts and name != dotted.split(".")[-1]:
            path = (*path, counts[path] - 1)
    return path


def _next(path: Path, counts: dict[Path, int]) -> Path:
    counts[path] = counts.get(path, 0) + 1
    return (*path, counts[path] - 1)

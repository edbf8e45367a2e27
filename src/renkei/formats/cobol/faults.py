"""What is wrong with a copybook, all of it at once: file, line, expected, found."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from renkei.errors import FixDeclaration


@dataclass(frozen=True, kw_only=True, order=True)
class Fault:
    """One place to correct; ``line`` is 0 where the whole file is meant."""

    file: str
    line: int
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: expected {self.expected}, found {self.found}"


@dataclass(kw_only=True)
class Faults:
    """Collects faults of one copybook while it is read to its end."""

    file: str
    found: list[Fault] = field(default_factory=list)

    def add(self, line: int, *, expected: str, found: str) -> None:
        """One more; reading goes on."""
        self.found.append(Fault(file=self.file, line=line, expected=expected, found=found))


class Listed(tuple[Fault, ...]):
    """Faults in order of their lines; reads as one line each."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self)


def refuse(faults: Iterable[Fault], *, feed: str = "") -> None:
    """Raise them together, or do nothing when there are none."""
    listed = Listed(sorted(set(faults)))
    if listed:
        raise FixDeclaration("E_COPYBOOK", feed=feed, problems=listed)

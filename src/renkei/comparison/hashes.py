"""What a row is known by, in SQL: the hash of its key, of its content, and a sketch of its fields."""

from collections.abc import Sequence
from dataclasses import dataclass

#: Bits of a sketch.
_BITS = 64
#: A place has at most so many of them: of 256 missed differences one costs time, and nothing else.
_MOST = 8


@dataclass(frozen=True, kw_only=True)
class Hashes:
    """Expressions over the columns of one side. ``widened`` are compared as the widest whole numbers.

    Each field has a place of its own, with bits of the sketch; more than 64 fields share theirs.
    """

    keys: tuple[str, ...]
    fields: tuple[str, ...]
    widened: frozenset[str] = frozenset()

    def key(self) -> str:
        """The hash of the key."""
        return self._hash(self.keys)

    def content(self) -> str:
        """The hash of key and fields, such that two differ by the XOR of their places' differences."""
        own = (_salted(self._hash(names), place) for place, names in enumerate(self._places()))
        return _xor(_salted(self.key(), _BITS), *own)

    def sketch(self) -> str:
        """A few bits of each place's hash."""
        own = (
            f"({_salted(self._hash(names), place)} & {self._mask(place)}::UBIGINT)"
            for place, names in enumerate(self._places())
        )
        return _xor("0::UBIGINT", *own)

    def told(self, sketch: int) -> tuple[str, ...]:
        """The fields of the places whose bits are in the difference of two sketches."""
        places = enumerate(self._places())
        named = {name for place, names in places if sketch & self._mask(place) for name in names}
        return tuple(name for name in self.fields if name in named)

    def difference(self, fields: Sequence[str]) -> str:
        """What these fields change in the hash of a pair's rows; its cells are ``l0``, ``r0``, ``l1`` …

        They are whole places, as :meth:`told` names them.
        """
        at = {name: number for number, name in enumerate(fields)}
        changed = (
            _salted(self._hash(names, [f"{side}{at[name]}" for name in names]), place)
            for place, names in enumerate(self._places())
            for side in ("l", "r")
            if names[0] in at
        )
        return _xor("0::UBIGINT", *changed)

    def _places(self) -> list[tuple[str, ...]]:
        return [self.fields[place::_BITS] for place in range(min(_BITS, len(self.fields)))]

    def _mask(self, place: int) -> int:
        """The bits of the sketch that are this place's."""
        width = min(_MOST, _BITS // len(self._places()))
        return (1 << width) - 1 << place * width

    def _hash(self, names: Sequence[str], called: Sequence[str] | None = None) -> str:
        cells = zip(names, called or map(quoted, names), strict=True)
        values = (f"{cell}::BIGINT" if name in self.widened else cell for name, cell in cells)
        return f"hash({', '.join(values)})"


def columns(names: Sequence[str]) -> str:
    """Names, as SQL lists them."""
    return ", ".join(map(quoted, names))


def quoted(name: str) -> str:
    """A name, as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _salted(number: str, salt: int) -> str:
    """Hashed again with the place inside: two fields that swap values do not cancel out."""
    return f"hash(xor({number}, hash({salt})))"


def _xor(*numbers: str) -> str:
    """Halves of halves, for an expression may only be so deep."""
    if len(numbers) == 1:
        return numbers[0]
    middle = len(numbers) // 2
    return f"xor({_xor(*numbers[:middle])}, {_xor(*numbers[middle:])})"

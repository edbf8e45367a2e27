"""CP932 against glibc's own table."""

import pytest
from tests.unit.formats.fixed_file import to_cp932

from renkei.formats.encodings import cp932


def every_cell() -> list[str]:
    cells = []
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xFD)):
        for trail in (*range(0x40, 0x7F), *range(0x80, 0xFD)):
            text = bytes((lead, trail)).decode("cp932", "replace")
            cells += [text] if len(text) == 1 and text != "\ufffd" else []
    return sorted(set(cells))


def iconv(text: str) -> list[bytes]:
    return to_cp932(text).split(b"\n")


def test_every_character_is_written_as_glibc_writes_it() -> None:
    characters = [*every_cell(), *cp932.FOLD]

    written = [cp932.encode(char) for char in characters]

    assert len(characters) > 9_000
    assert written == iconv("\n".join(characters))


def test_the_test_catches_python_s_own_codec() -> None:
    assert "髙".encode("cp932") != iconv("髙")[0]


def test_what_is_written_is_read_back() -> None:
    characters = "".join(every_cell())

    assert cp932.decode(cp932.encode(characters)) == characters


@pytest.mark.parametrize(
    ("raw", "at"), [(b"A\x80", 1), (b"\x83\x80\x80", 2), (b"\xfd", 0), (b"\x88\xa0\xa0", 2)]
)
def test_an_undefined_byte_is_named_by_its_place(raw: bytes, at: int) -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        cp932.decode(raw)

    assert caught.value.start == at


def test_a_character_without_a_code_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        cp932.encode("𠮷")

import pytest

from renkei.cli.width import columns, table, visible


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("髙橋", 4),
        ("𠮷田", 4),
        ("葛󠄀城", 4),
        ("辻\U000e0101", 2),
        ("ｱﾞ", 2),
        ("が", 2),
        ("か\u3099", 2),
        ("", 0),
    ],
)
def test_the_width_of_a_text_is_what_a_terminal_shows(text: str, width: int) -> None:
    assert columns(text) == width


def test_columns_line_up_whatever_characters_they_hold() -> None:
    drawn = table(("氏名", "n"), [("𠮷田", 1), ("葛󠄀城 太郎", 22), ("abc", 333), (None, 4)])

    starts = {columns(line[: line.rindex(word)]) for line, word in zip(
        drawn.splitlines(), ("n", "─" * 3, "1", "22", "333", "4"), strict=True
    )}  # fmt: skip
    assert starts == {columns("葛󠄀城 太郎") + 2}


def test_an_empty_table_is_its_heading() -> None:
    assert table(("a", "bb"), []) == "a  bb\n─  ──"


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x07", "\r\n", "\x9b31m", "\u202etxt", "\x00"])
def test_what_a_system_sent_never_steers_the_terminal(evil: str) -> None:
    drawn = table(("x",), [(f"a{evil}b",)])

    assert visible(evil)[0] == "␦"
    assert not set(drawn) & set("\x1b\x07\r\x9b\u202e\x00")
    assert len(drawn.splitlines()) == 3

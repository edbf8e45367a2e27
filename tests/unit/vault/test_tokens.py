"""Tokens: equal numbers meet, under one key and one kind only, and nothing leads back."""

import hmac
from pathlib import Path

import polars as pl
import pytest

from renkei.errors import Stop
from renkei.vault import keyring, tokens
from renkei.vault.tokens import KEYLESS, VEIL, VEILED, TokenKey

#: Synthetic, with valid check digits; nobody has them.
NUMBERS = pl.Series(["123456789018", "987654321093", None, "123456789018"])


def test_equal_numbers_have_equal_tokens_and_nothing_has_none(tmp_path: Path) -> None:
    made = TokenKey(tmp_path).of("individual_number")(NUMBERS).to_list()

    assert made[0] == made[3] != made[1]
    assert made[2] is None
    assert {len(token) for token in made if token} == {32}


def test_a_token_is_the_hmac_of_the_number_under_a_key_of_its_kind(tmp_path: Path) -> None:
    key = keyring.create(tmp_path, tokens.NAME)
    derived = hmac.digest(key, b"renkei token v1\0resident_code", "sha256")

    [made] = TokenKey(tmp_path).of("resident_code")(pl.Series(["12345678903"]))

    assert made == hmac.digest(derived, b"12345678903", "sha256").hex()[:32]


def test_the_same_figures_as_another_kind_of_number_are_another_token(tmp_path: Path) -> None:
    key = TokenKey(tmp_path)

    assert key.of("resident_code")(NUMBERS)[0] != key.of("individual_number")(NUMBERS)[0]


def test_a_process_later_makes_the_same_tokens_and_another_key_others(tmp_path: Path) -> None:
    first = TokenKey(tmp_path / "a").of("individual_number")(NUMBERS).to_list()

    assert TokenKey(tmp_path / "a").of("individual_number")(NUMBERS).to_list() == first
    assert TokenKey(tmp_path / "b").of("individual_number")(NUMBERS)[0] != first[0]


def test_an_empty_block_makes_an_empty_block(tmp_path: Path) -> None:
    made = TokenKey(tmp_path).of("resident_code")(pl.Series([], dtype=pl.String))

    assert made.to_list() == []
    assert made.dtype == pl.String


def test_a_key_that_is_gone_is_never_made_anew(tmp_path: Path) -> None:
    before = TokenKey(tmp_path).key_id
    (tmp_path / "token.key").unlink()

    with pytest.raises(Stop, match="E_SECRET_KEY"):
        TokenKey(tmp_path).of("resident_code")

    (tmp_path / "token.id").unlink()  # without the memory of it, a new key would pass for the first
    assert TokenKey(tmp_path).key_id != before


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    assert TokenKey(tmp_path).key_id
    (tmp_path / "token.key").chmod(0o440)

    with pytest.raises(Stop, match="E_SECRET_KEY"):
        assert TokenKey(tmp_path).key_id


@pytest.mark.parametrize("content", [b"", b"not base64!", b"c2hvcnQ=", b"A" * 44])
def test_a_damaged_or_exchanged_key_is_not_used(tmp_path: Path, content: bytes) -> None:
    assert TokenKey(tmp_path).key_id
    place = tmp_path / "token.key"
    place.chmod(0o600)
    place.write_bytes(content)

    with pytest.raises(Stop, match="E_SECRET_KEY"):
        assert TokenKey(tmp_path).key_id


def test_the_key_is_readable_by_its_owner_only_and_its_text_shows_nothing(tmp_path: Path) -> None:
    made = TokenKey(tmp_path)
    made.of("resident_code")

    assert (tmp_path / "token.key").stat().st_mode & 0o777 == 0o400
    assert (tmp_path / "token.key").read_text().strip() not in repr(made)
    assert str(made._key) not in repr(made)


def test_of_two_who_make_the_first_key_at_once_one_wins_and_both_use_it(tmp_path: Path) -> None:
    first = keyring.create(tmp_path, tokens.NAME)

    assert keyring.create(tmp_path, tokens.NAME) == first


def test_what_a_person_sees_is_one_sign_and_never_has_a_key_id() -> None:
    assert VEILED.of("resident_code")(NUMBERS).to_list() == [VEIL, VEIL, None, VEIL]
    assert VEILED.key_id == ""


def test_without_a_key_nothing_is_tokenised() -> None:
    with pytest.raises(Stop, match="E_SECRET_KEY"):
        KEYLESS.of("resident_code")

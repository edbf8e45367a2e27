"""The envelope: a ciphertext opens in its own row under its own key, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import pytest

from renkei.errors import Stop
from renkei.vault import envelope
from renkei.vault.envelope import Sealed

NUMBER, OTHER = "123456789018", "987654321093"
TOKENS = ["0" * 32, "1" * 32]


def test_a_number_opens_with_its_token_and_its_key() -> None:
    key = envelope.new_data_key(2026)

    first, second = envelope.seal(key, [NUMBER, OTHER], TOKENS)

    assert envelope.open_number(key, first, token=TOKENS[0]) == NUMBER
    assert envelope.open_number(key, second, token=TOKENS[1]) == OTHER


def test_a_ciphertext_that_was_moved_to_another_row_does_not_open() -> None:
    key = envelope.new_data_key(2026)
    first, _ = envelope.seal(key, [NUMBER, OTHER], TOKENS)

    with pytest.raises(Stop, match="E_VAULT_SEALED"):
        envelope.open_number(key, first, token=TOKENS[1])


@pytest.mark.parametrize("place", [0, 11, 12, 27])
def test_a_changed_ciphertext_does_not_open(place: int) -> None:
    key = envelope.new_data_key(2026)
    [sealed] = envelope.seal(key, [NUMBER], TOKENS[:1])
    changed = bytearray(sealed.ciphertext)
    changed[place] ^= 1

    with pytest.raises(Stop, match="E_VAULT_SEALED"):
        envelope.open_number(key, replace(sealed, ciphertext=bytes(changed)), token=TOKENS[0])


def test_the_same_number_sealed_twice_is_two_ciphertexts() -> None:
    key = envelope.new_data_key(2026)

    first, second = (envelope.seal(key, [NUMBER], TOKENS[:1])[0] for _ in range(2))

    assert first.nonce != second.nonce
    assert first.ciphertext != second.ciphertext


def test_another_years_key_does_not_open_it() -> None:
    [sealed] = envelope.seal(envelope.new_data_key(2026), [NUMBER], TOKENS[:1])

    with pytest.raises(Stop, match="E_VAULT_SEALED"):
        envelope.open_number(envelope.new_data_key(2026), sealed, token=TOKENS[0])


def test_a_data_key_is_unwrapped_by_the_key_that_wrapped_it(tmp_path: Path) -> None:
    kek, key = envelope.new_kek(tmp_path), envelope.new_data_key(2026)

    sealed = envelope.load_kek(tmp_path, kek.kek_id).wrap(key)

    assert kek.unwrap(sealed, key_id=key.key_id, year=2026) == key
    with pytest.raises(Stop, match="E_VAULT_SEALED"):
        kek.unwrap(sealed, key_id="2027-00000000", year=2027)
    with pytest.raises(Stop, match="E_VAULT_SEALED"):
        envelope.new_kek(tmp_path).unwrap(sealed, key_id=key.key_id, year=2026)


def test_no_key_shows_in_the_text_of_what_holds_it(tmp_path: Path) -> None:
    kek, key = envelope.new_kek(tmp_path), envelope.new_data_key(2026)

    assert str(kek.secret) not in repr(kek)
    assert str(key.secret) not in repr(key)
    assert NUMBER.encode() not in envelope.seal(key, [NUMBER], TOKENS[:1])[0].ciphertext


def test_the_newest_key_of_the_folder_comes_first_and_a_lost_one_is_told(tmp_path: Path) -> None:
    first = envelope.new_kek(tmp_path)
    second = envelope.new_kek(tmp_path)

    assert set(envelope.kek_ids(tmp_path)) == {first.kek_id, second.kek_id}
    (tmp_path / f"vault-{first.kek_id}.key").unlink()
    with pytest.raises(Stop, match="E_SECRET_KEY"):
        envelope.load_kek(tmp_path, first.kek_id)


def test_sealed_bytes_have_one_length_whatever_the_number() -> None:
    made = envelope.seal(envelope.new_data_key(2026), [NUMBER, OTHER], TOKENS)

    assert {(len(each.nonce), len(each.ciphertext)) for each in made} == {(12, 28)}
    assert all(isinstance(each, Sealed) for each in made)

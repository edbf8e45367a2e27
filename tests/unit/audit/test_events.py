"""The canonical spelling of an event's body."""

import json

import pytest

from renkei.audit.events import canonical


def test_the_same_content_has_one_spelling():
    assert canonical({"b": 1, "a": {"d": [1, 2], "c": "市"}}) == '{"a":{"c":"市","d":[1,2]},"b":1}'
    assert canonical({"a": {"c": "市", "d": [1, 2]}, "b": 1}) == canonical(
        {"b": 1, "a": {"d": [1, 2], "c": "市"}}
    )


def test_the_action_comes_first_so_that_it_can_be_found_without_parsing():
    body = canonical({"object": "unit:1", "detail": {}, "actor": "engineer", "action": "unit.done"})

    assert body.startswith('{"action":"unit.done",')


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object()])
def test_what_json_cannot_say_exactly_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        canonical({"detail": value})


def test_a_lone_surrogate_is_refused():
    with pytest.raises(UnicodeEncodeError):
        canonical({"detail": "\ud800"})


def test_a_character_that_the_database_cannot_hold_is_escaped():
    assert "\0" not in canonical({"detail": "\0"})
    assert json.loads(canonical({"detail": "\0"})) == {"detail": "\0"}

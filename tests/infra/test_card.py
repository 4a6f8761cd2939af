"""The card of a snapshot: what is not one is refused, in words."""

import json

import pytest

from infra.card import CARD_NAME, SCHEMA_VERSION, read_card


def test_another_version_is_refused_whatever_its_fields(tmp_path):
    """A later leafworks may add fields and drop some; the error still names the two versions."""
    (tmp_path / CARD_NAME).write_text(json.dumps({"schema_version": SCHEMA_VERSION + 1, "channels": 2}))
    with pytest.raises(ValueError, match=rf"version {SCHEMA_VERSION}\. Received: {SCHEMA_VERSION + 1}\. Prepare"):
        read_card(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '"card"', '{"schema_version": 1}', '{"schema_version": "1"}'])
def test_what_is_no_card_is_refused_by_its_path(tmp_path, text):
    """Text, JSON of another kind, a card without its fields."""
    (tmp_path / CARD_NAME).write_text(text)
    with pytest.raises(ValueError, match=CARD_NAME):
        read_card(tmp_path)


def test_a_folder_without_a_card_is_no_snapshot(tmp_path):
    """The error says how one comes about."""
    with pytest.raises(ValueError, match="leafworks prepare"):
        read_card(tmp_path)

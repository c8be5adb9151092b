"""Versions side by side: this release reads what 0.1.0 wrote, and a reader of it reads what a later one adds.

The bytes of 0.1.0 are `tests/contract/golden` (messages, which `test_golden` holds still in both directions: a field
that becomes required turns it red) and `tests/contract/golden_state` (what a service leaves for its successor).
"""

import dataclasses
import json
from typing import Any

import msgpack
import pytest

from consumers.inference.commit_metadata import from_text
from consumers.inference.errors import CommitRefused
from consumers.ingest.position import Standing
from pipeline.routing.router_state import STATE_VERSION, RouterState, StateRefused
from schemas.codec import JSON_TYPES, TYPES, decode, decode_json
from schemas.errors import DecodeError
from tests.support import golden, golden_state
from tests.support.example_messages import EXAMPLES, as_plain

#: What a later release may add, of every kind of value that the wire knows.
ADDED = {"zz_text": "new", "zz_number": 1.5, "zz_column": b"\0" * 24, "zz_list": ["a", "b"], "zz_map": {"a": {"b": 1}}}


def packed(name: str) -> dict[str, Any]:
    body: dict[str, Any] = msgpack.unpackb((golden.FOLDER / f"{name}.msgpack").read_bytes())
    return body


@pytest.mark.parametrize("name", sorted(TYPES))
def test_fields_that_a_reader_does_not_know_change_nothing(name: str) -> None:
    body = packed(name) | ADDED
    if "link" in body:
        body["link"] = body["link"] | ADDED
    assert as_plain(decode(msgpack.packb(body))) == as_plain(EXAMPLES[name])


@pytest.mark.parametrize("name", sorted(JSON_TYPES))
def test_nor_do_they_in_json(name: str) -> None:
    body = json.loads((golden.FOLDER / f"{name}.json").read_bytes())
    added = {key: value for key, value in ADDED.items() if not isinstance(value, bytes)}
    assert as_plain(decode_json(json.dumps(body | added).encode())) == as_plain(EXAMPLES[name])


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_writer_that_does_not_know_the_optional_fields_is_read(name: str) -> None:
    """Each field with a default may be missing, one by one and all together: so was it before it was added."""
    missing = dataclasses.MISSING
    kind: Any = TYPES[name]
    optional = [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is not missing or field.default_factory is not missing
    ]
    for left_out in [[one] for one in optional] + [optional]:
        body = {key: value for key, value in packed(name).items() if key not in left_out}
        found = decode(msgpack.packb(body))
        for field in dataclasses.fields(kind):
            if field.name in left_out and field.default is not missing:
                assert getattr(found, field.name) == field.default


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_newer_major_version_is_refused(name: str) -> None:
    with pytest.raises(DecodeError, match="schema version 2; this release reads 1"):
        decode(msgpack.packb(packed(name) | {"v": 2}))


def test_kept_states_have_the_form_that_0_1_0_wrote() -> None:
    made = golden_state.golden_states()
    assert {path.name for path in golden_state.FOLDER.iterdir()} == set(made)
    for name, data in made.items():
        assert (golden_state.FOLDER / name).read_bytes() == data, f"{name}: raise its version and read the old one too"


def test_a_router_state_of_0_1_0_is_read() -> None:
    data = (golden_state.FOLDER / "RouterState.msgpack").read_bytes()
    restored, expected = RouterState.restore(data), golden_state.router_state()
    assert restored.snapshot() == expected.snapshot()
    assert restored.copies == expected.copies
    assert restored.symbols.symbols == expected.symbols.symbols
    later = msgpack.packb(msgpack.unpackb(data, strict_map_key=False) | {"v": STATE_VERSION + 1})
    with pytest.raises(StateRefused, match=r"run the release that wrote it, or signaltape repair"):
        RouterState.restore(later)


def test_commits_and_positions_of_0_1_0_are_read() -> None:
    text = (golden_state.FOLDER / "InferenceCommit.txt").read_text()
    assert from_text(text, "here") == golden_state.COMMIT
    with pytest.raises(CommitRefused, match="signaltape repair --service inference"):
        from_text("m2." + text[3:], "here")
    known = (golden_state.FOLDER / "IngestPosition.json").read_text()
    position = golden_state.POSITION
    kept = Standing(topic_id=golden_state.TOPIC_ID, low=0, high=20, committed=(position.offset, known))
    assert kept.fault() is None
    assert kept.position == position

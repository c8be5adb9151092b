"""The AsyncAPI document is valid, is the one that is checked in, and says what the codec does."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import msgpack
import pytest
from pydantic import ValidationError
from pydantic_asyncapi.v3 import AsyncAPI

from schemas.asyncapi import document
from schemas.codec import JSON_TYPES, TYPES, encode, encode_json
from schemas.topics import TOPICS, TopicNames
from tests.support.example_messages import EXAMPLES
from tests.support.golden import FOLDER

#: Optional keys that came after the golden files: whoever doesn't know them ignores them.
ADDED: dict[str, dict[str, Any]] = {
    "PredictionBatch": {"numerics": "0f", "shadows": ("ridge:3", "tree:1"), "experiment": "exp-1"}
}
CHECKED_IN = Path(__file__).parents[3] / "docs" / "asyncapi.json"


def payload_schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = document()["components"]["schemas"][name]
    return schema


def references(value: Any) -> set[str]:
    """Every `$ref` in a JSON value."""
    if isinstance(value, list):
        return set().union(*map(references, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if "$ref" in value else set()
    return own.union(*map(references, value.values())) if value else own


def test_the_copy_in_the_docs_is_up_to_date() -> None:
    assert json.loads(CHECKED_IN.read_text()) == document(), "run `python -m schemas.asyncapi > docs/asyncapi.json`"


def test_the_document_is_valid() -> None:
    parsed = AsyncAPI.model_validate(document())
    assert str(parsed.asyncapi).endswith("3.0.0") or parsed.asyncapi == "3.0.0"


def test_the_check_of_validity_can_fail() -> None:
    broken = document()
    broken["operations"]["send-signals"]["action"] = "shout"
    with pytest.raises(ValidationError):
        AsyncAPI.model_validate(broken)


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    for reference in references(whole):
        place: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict)


def test_every_topic_and_message_is_described() -> None:
    whole, names = document("replay-7."), TopicNames("replay-7.")
    addresses = {channel["address"] for channel in whole["channels"].values()}
    assert addresses == {names.of(topic.name) for topic in TOPICS}
    assert set(whole["components"]["messages"]) == set(TYPES) | {"RawBar"}


@pytest.mark.parametrize("name", sorted(JSON_TYPES))
def test_json_messages_fit_their_schema(name: str) -> None:
    jsonschema.validate(json.loads(encode_json(EXAMPLES[name])), payload_schema(name))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_schema_lists_the_keys_that_are_on_the_wire(name: str) -> None:
    message = replace(EXAMPLES[name], **ADDED.get(name, {}))
    body, schema = msgpack.unpackb(encode(message)), payload_schema(name)
    assert set(body) == set(schema["properties"])
    assert set(schema["required"]) <= set(body)


def test_a_schema_refuses_what_is_missing() -> None:
    body = json.loads((FOLDER / "Signal.json").read_bytes())
    del body["symbol"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, payload_schema("Signal"))


def test_a_foreign_bar_as_the_example_client_writes_it_fits() -> None:
    bar = {"symbol": "ACME", "interval": "1s", "event_time": 1_700_000_000_000_000_000}
    prices = {"open": 10.0, "high": 10.2, "low": 9.9, "close": 10.1}
    jsonschema.validate(bar | prices | {"volume": 1200}, payload_schema("RawBar"))
    jsonschema.validate(bar | prices | {"event_time": "2024-01-02T10:00:00+00:00"}, payload_schema("RawBar"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bar, payload_schema("RawBar"))

"""Checked-in CI workflows: valid by their schema, and every command in them is one that this program has."""

import json
import shlex
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from signaltape.cli import COMMANDS, load

FOLDER = Path(__file__).parents[3] / ".github" / "workflows"
#: check-jsonschema carries the schema that GitHub's editors use; its command doesn't start beside Faust's old click.
SCHEMA = next(Path(str(one.locate())) for one in files("check-jsonschema") or () if one.name == "github-workflows.json")
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


def document(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


def called(workflow: Any) -> Iterator[list[str]]:
    """Words of every call of `signaltape` in the steps."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                words = shlex.split(line)
                if words and words[0] == ".venv/bin/signaltape":
                    yield words[1 : words.index(">")] if ">" in words else words[1:]


def test_the_model_workflow_is_there() -> None:
    commands = [" ".join(words[:2]) for path in WORKFLOWS for words in called(document(path))]
    assert "pipeline run" in commands
    assert "models promote" in commands


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_valid_by_schema(path: Path) -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft7Validator(schema).validate(document(path))
    broken = document(path)
    next(iter(broken["jobs"].values())).pop("runs-on")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(broken)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_command_and_option_exists(path: Path) -> None:
    for words in called(document(path)):
        entry = next(entry for entry in COMMANDS if entry.name == words[0])
        command, rest = load(entry), words[1:]
        if hasattr(command, "commands"):
            command, rest = command.commands[rest[0]], rest[1:]
        known = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, words


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_inputs_reach_commands_as_variables_only(path: Path) -> None:
    """What somebody types is never pasted into a shell script."""
    for job in document(path)["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")

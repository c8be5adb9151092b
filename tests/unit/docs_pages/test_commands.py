"""Every `signaltape …` that a page names exists, with the options that it is given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from signaltape.cli import COMMANDS, app, load
from tests.support.markdown import ROOT, commands, pages

ENTRIES = {entry.name: entry for entry in COMMANDS}


def find(words: list[str]) -> Iterator[str]:
    """What is wrong with a command: the words behind `signaltape`."""
    for one in spelled_out(words):
        if not one or one[0].startswith("-"):
            yield from follow(typer.main.get_command(app), "signaltape", one)
        elif one[0] not in ENTRIES:
            yield f"there is no command {one[0]!r}"
        else:
            yield from follow(load(ENTRIES[one[0]]), one[0], one[1:])


def spelled_out(words: list[str]) -> Iterator[list[str]]:
    """`models list | show`, `models list|show`, `pause | resume`: each by itself; `[--a | --b]` is both options."""
    if not any("|" in word for word in words):
        yield words
        return
    plain = " ".join(words).replace("[", "").replace("]", "").split()
    kept = [word for at, word in enumerate(plain) if word != "|" or not plain[at + 1].startswith("--")]
    first, *others = " ".join(kept).replace("|", " | ").split(" | ")
    yield first.split()
    group = first.split()[:1]
    for other in others:
        grouped = group and group[0] in ENTRIES and hasattr(load(ENTRIES[group[0]]), "get_command")
        yield [*(group if grouped else ()), *other.split()]


def follow(command: Any, name: str, words: list[str]) -> Iterator[str]:
    """Options must exist, required ones be there; the first other word of a group must be one of its commands."""
    if not hasattr(command, "get_command") and "--help" not in words:
        yield from missing(command, name, words)
    options = {spelling: param for param in command.params for spelling in (*param.opts, *param.secondary_opts)}
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.startswith("--") and word != "--":
            spelling, given, _ = word.partition("=")
            if spelling == "--help":
                continue
            if spelling not in options:
                yield f"{name} has no option {spelling}"
            elif not given and not getattr(options[spelling], "is_flag", False):
                at += 1
        elif not word.startswith("-") and hasattr(command, "get_command"):
            sub = command.get_command(click.Context(command), word)
            if sub is None:
                yield f"there is no command {name} {word!r}"
            else:
                yield from follow(sub, word, words[at:])
            return


#: History: it names things as they were then, and in short.
PAGES = [page for page in pages() if page.name != "CHANGELOG.md"]


def missing(command: Any, name: str, words: list[str]) -> Iterator[str]:
    """Options that the command can't do without; in a sentence, where a command is only named, nobody asks."""
    given = {word.partition("=")[0] for word in words}
    for param in command.params:
        if param.required and param.opts[0].startswith("--") and not given & {*param.opts, *param.secondary_opts}:
            yield f"{name} needs {param.opts[0]}"


def of_a_block(place: str) -> bool:
    return "`" not in place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    wrong = [
        f"{place}: {fault}"
        for place, words in commands(page)
        for fault in find(words[1:])
        if of_a_block(place) or " needs " not in fault
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("no-such", "there is no command 'no-such'"),
        ("models no-such", "there is no command models 'no-such'"),
        ("models list --no-such", "list has no option --no-such"),
        ("dataset build --to T --horizon 5 --interval 1m --out X --as-of T", "build needs --from"),
        ("up --no-such=1", "up has no option --no-such"),
        ("models list | no-such-one", "there is no command models 'no-such-one'"),
        ("backup create --to X", ""),
        ("models list|show", ""),
        ("models list | no-such", "there is no command models 'no-such'"),
        ("up | down", ""),
        ("replay --from list --to T", ""),
        ("--version", ""),
    ],
)
def test_the_check_itself(line: str, fault: str) -> None:
    assert list(find(line.split())) == ([fault] if fault else [])

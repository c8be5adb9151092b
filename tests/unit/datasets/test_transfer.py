"""Datasets go to a place and come back, every byte checked: over a folder and over HTTP."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.dataset_content import DatasetContent
from signaltape.__main__ import main
from signaltape.datasets import DatasetError, open_dataset
from signaltape.datasets.remote import remote_of
from signaltape.datasets.transfer import pull, push
from tests.support.dataset_examples import content_of, write
from tests.support.put_server import PutServer, put_server

ROWS = [("A", bar, (float(bar), None), 0.01) for bar in range(20)]


def dataset(folder: Path, content: DatasetContent | None = None) -> Path:
    write(folder, content or content_of(ROWS))
    return folder


def other(number: int) -> DatasetContent:
    content = content_of(ROWS)
    return replace(content, label=content.label + number)


@pytest.fixture
def server() -> Iterator[PutServer]:
    with put_server() as running:
        yield running


@pytest.fixture(params=["file", "http"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return (tmp_path / "place").as_uri()
    found: PutServer = request.getfixturevalue("server")
    return found.url


def test_there_and_back(url: str, tmp_path: Path) -> None:
    remote = remote_of(url)
    source = dataset(tmp_path / "set")
    first = push(remote, "equities", source)
    assert first.version == 1
    assert push(remote, "equities", source) == first  # the same again is no new version
    for number in range(2, 12):
        assert push(remote, "equities", dataset(tmp_path / f"set{number}", other(number))).version == number
    assert push(remote, "other", source).version == 1

    newest = pull(remote, "equities", None, tmp_path / "newest")
    assert newest.version == 11
    assert (tmp_path / "newest" / "data.parquet").read_bytes() == (tmp_path / "set11" / "data.parquet").read_bytes()
    back = pull(remote, "equities", 1, tmp_path / "first")
    assert back == first
    assert open_dataset(tmp_path / "first").manifest == open_dataset(source).manifest
    with pytest.raises(DatasetError, match="there is no dataset equities:12"):
        pull(remote, "equities", 12, tmp_path / "none")
    with pytest.raises(DatasetError, match="there is no dataset nothing"):
        pull(remote, "nothing", None, tmp_path / "none")
    with pytest.raises(DatasetError, match="is not empty"):
        pull(remote, "equities", 1, tmp_path / "first")
    assert not (tmp_path / "none").exists()


def test_pushes_at_once_get_versions_of_their_own(url: str, tmp_path: Path) -> None:
    sources = [dataset(tmp_path / f"set{number}", other(number)) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda source: push(remote_of(url), "equities", source), sources))
    assert sorted(one.version for one in made) == [1, 2, 3, 4, 5, 6]
    for one, source in zip(made, sources, strict=True):
        pull(remote_of(url), "equities", one.version, tmp_path / f"back{one.version}")
        assert open_dataset(tmp_path / f"back{one.version}").manifest == open_dataset(source).manifest


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "data.parquet of equities:1: its SHA-256 is"),
        (lambda data: data + b"x", "data.parquet of equities:1: its SHA-256 is"),
        (lambda data: b"x" + data[1:], "it was changed there, or came through damaged"),
        (None, "data.parquet of equities:1 is gone"),
    ],
)
def test_what_was_changed_there_is_not_taken(server: PutServer, tmp_path: Path, damage: object, message: str) -> None:
    remote = remote_of(server.url)
    made = push(remote, "equities", dataset(tmp_path / "set"))
    place = f"/sets/equities/objects/{made.files['data.parquet']['sha256']}"
    if callable(damage):
        server.kept[place] = damage(server.kept[place])
    else:
        del server.kept[place]
    with pytest.raises(DatasetError, match=message):
        pull(remote, "equities", None, tmp_path / "back")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_version_that_names_another_dataset_is_not_taken(server: PutServer, tmp_path: Path) -> None:
    """Every file is whole and the record is well formed, but the fingerprint isn't that of the content."""
    remote = remote_of(server.url)
    push(remote, "equities", dataset(tmp_path / "set"))
    place = "/sets/equities/v1.json"
    document = json.loads(server.kept[place])
    for change, message in (
        ({"fingerprint": "0" * 64}, "is not the dataset that its version names"),
        ({"version": 2}, "speaks of equities:2"),
        ({"format": 9}, "another format"),
        ({"files": {}}, "is no version of a dataset"),
    ):
        server.kept[place] = json.dumps({**document, **change}).encode()
        with pytest.raises(DatasetError, match=message):
            pull(remote, "equities", 1, tmp_path / "back")
        assert not (tmp_path / "back").exists()


def test_a_push_that_breaks_off_leaves_no_version(server: PutServer, tmp_path: Path) -> None:
    remote, source = remote_of(server.url), dataset(tmp_path / "set")
    for refused in ("objects", "v1.json"):
        server.refuse = refused
        with pytest.raises(DatasetError, match="the server answers 507"):
            push(remote, "equities", source)
        with pytest.raises(DatasetError, match="there is no dataset equities"):
            pull(remote, "equities", None, tmp_path / "back")
    server.refuse = ""
    assert push(remote, "equities", source).version == 1


def test_a_changed_dataset_is_not_pushed(server: PutServer, tmp_path: Path) -> None:
    source = dataset(tmp_path / "set")
    dataset(tmp_path / "other", other(1))
    (tmp_path / "other" / "data.parquet").replace(source / "data.parquet")
    with pytest.raises(DatasetError, match="the manifest says"):
        push(remote_of(server.url), "equities", source)
    assert server.kept == {}


@pytest.mark.parametrize("url", ["ftp://host/x", "place", "http://user:secret@host/x", "http:///x", "http://h/?a=1"])
def test_places_that_are_none(url: str) -> None:
    with pytest.raises(DatasetError, match="give file:///folder, http://host/path"):
        remote_of(url)


def test_command(
    server: PutServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["signaltape", "dataset", *map(str, arguments)])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    (tmp_path / "token").write_text("secret\n")
    to = ("--url", server.url, "--token-file", tmp_path / "token")
    source = dataset(tmp_path / "set")
    assert call("push", source, "equities", *to, "--json") == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    assert server.tokens == {"Bearer secret"}
    assert call("pull", "equities:1", *to, "--out", tmp_path / "back") == 0
    assert "verified" in capsys.readouterr().out
    assert call("pull", "equities:7", *to, "--out", tmp_path / "none") == 1
    assert call("push", source, "Equities", *to) == 1
    assert "lower-case" in capsys.readouterr().err
    server.shutdown()
    server.server_close()
    assert call("pull", "equities", *to, "--out", tmp_path / "none") == 1
    assert "can't be reached" in capsys.readouterr().err

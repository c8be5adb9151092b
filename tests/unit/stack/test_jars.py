"""The committed list of jars decides what runs."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.stack import jars
from infra.stack.errors import StackError


def test_lock_names_the_broker_and_a_logger_binding() -> None:
    locked = jars.read_lock()
    names = {jar.artifact for jar in locked}
    assert {"kafka_2.13", "slf4j-simple"} <= names
    assert len({jar.file_name for jar in locked}) == len(locked)
    assert jars.kafka_version() == "4.3.0"


def test_lock_refuses_a_line_that_it_cannot_read(tmp_path: Path) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text(f"# comment\n{'0' * 64}  group:artifact:1\n{'0' * 64}  group:artifact\n")
    with pytest.raises(StackError, match="line 3"):
        jars.read_lock(lock)


@pytest.mark.parametrize("tampered", [False, True])
def test_a_jar_with_another_checksum_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tampered: bool
) -> None:
    import jgo.maven

    content = b"a jar"
    served = tmp_path / "served.jar"
    served.write_bytes(b"another jar" if tampered else content)
    artifact = SimpleNamespace(resolve=lambda: served)
    component = SimpleNamespace(artifact=lambda *_: artifact)
    project = SimpleNamespace(at_version=lambda _: component)
    monkeypatch.setattr(jgo.maven, "MavenContext", lambda **_: SimpleNamespace(project=lambda *_: project))
    jar = jars.Jar(sha256=hashlib.sha256(content).hexdigest(), group="g", artifact="a", version="1")
    if tampered:
        with pytest.raises(StackError, match=r"g:a:1 has SHA-256 .* refused"):
            jars._fetch(jar, tmp_path)
    else:
        assert jars._fetch(jar, tmp_path) == served

"""`make audit` never takes silence for health: pip-audit itself, against an advisory service of the test's own."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "audit.py"
_HASH = f" \\\n    --hash=sha256:{'0' * 64}\n"
LOCKED = f"typer==0.1{_HASH}msgpack==1.0 ; python_version < '3'{_HASH}orjson==3.0{_HASH}"


@contextmanager
def advisories(known: dict[str, str]) -> Iterator[str]:
    """An OSV service that knows these vulnerabilities: package → id."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            found = {"id": known.get(name), "summary": "", "affected": [], "published": "2020-01-01T00:00:00Z"}
            body = json.dumps({"vulns": [found]} if name in known else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("known", "code", "word"),
    [
        ({"jinja2": "CVE-2019-10906"}, 0, "2 packages by osv, 0 with known vulnerabilities"),
        ({"jinja2": "CVE-2019-10906", "orjson": "PYSEC-1"}, 1, "orjson 3.0: PYSEC-1"),
        ({}, 3, "NOT AUDITED: osv: doesn't know that jinja2==2.10 is vulnerable"),
    ],
    ids=["clean", "vulnerable", "a service that knows nothing"],
)
def test_audit(known: dict[str, str], code: int, word: str, tmp_path: Path) -> None:
    listed = tmp_path / "all.txt"
    listed.write_text(LOCKED)
    with advisories(known) as url:
        done = run("--requirements", str(listed), "--run-time", str(listed), "--osv-url", url)
    assert done.returncode == code, done.stdout + done.stderr
    assert word in done.stdout + done.stderr
    assert "orjson" in done.stdout, "licences are listed whatever the audit says"


def test_nobody_answers(tmp_path: Path) -> None:
    listed = tmp_path / "all.txt"
    listed.write_text(LOCKED)
    done = run("--requirements", str(listed), "--run-time", str(listed), "--osv-url", "http://127.0.0.1:9/")
    assert done.returncode == 3
    assert "NOT AUDITED" in done.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--service", "osv", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

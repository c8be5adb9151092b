"""Reading behind a token: every route is closed but those that are named here, and what opens them."""

import hmac
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import httpx
import pytest

from infra.settings import SettingsError, load_settings
from infra.warehouse.audit import AuditLine
from signaltape.console import session
from signaltape.console.streams import Streams
from signaltape.http import sessions
from signaltape.http.app import create_app
from signaltape.http.tokens import Tokens

pytestmark = pytest.mark.unit
CHANGES, READS = "a-token-that-changes", "a-token-that-only-reads"
BEHIND = {"read_needs_token": True, "tokens": {"anna": CHANGES}, "read_tokens": {"desk-7": READS}}
#: No data: what watches processes, the page itself, which asks for the token, and the runbook, which is as published.
OPEN = {
    ("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics"), ("GET", "/"), ("GET", "/console"), ("GET", "/console/"),
    ("GET", "/console/static/{name:path}"), ("GET", "/console/{name}"), ("GET", "/console/{name}/{rest:path}"),
    ("GET", "/console/runbook"), ("GET", "/console/session"),
    ("POST", "/console/session"), ("DELETE", "/console/session"),
}  # fmt: skip
DATA, PAGE_DATA = "/version", "/console/api/flow/reconciliation"


class Place:
    """The whole application, with nothing behind it, and the audit lines that it leaves."""

    def __init__(self, home: Path, **api: Any) -> None:
        self.lines: list[AuditLine] = []
        settings = load_settings(home=home, api=api)
        self.options, self.streams = settings.api, Streams(4, 2)
        backend = MagicMock(settings=settings, options=settings.api, streams=self.streams, endings=[])
        backend.trail.add = self.lines.append
        backend.health.report.return_value = (True, {})
        self.app = create_app(backend)

    @asynccontextmanager
    async def client(self, token: str = "") -> Any:
        transport = httpx.ASGITransport(self.app, client=("192.0.2.7", 1))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
            yield client

    async def status(self, path: str, token: str = "", method: str = "GET", **more: Any) -> int:
        async with self.client(token) as client:
            return int((await client.request(method, path, **more)).status_code)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, **BEHIND)
    yield made
    made.streams.end()


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """(method, path) of every route of the application, those of included routers too."""
    for one in app.effective_candidates() if hasattr(app, "effective_candidates") else app.routes:
        if hasattr(one, "effective_candidates"):
            yield from routes(one)
        elif one.path != "/openapi.json":  # what the code says, without any data
            yield from ((method, one.path) for method in one.methods)


async def test_every_route_but_those_that_are_named_needs_a_token(place: Place) -> None:
    found = set(routes(place.app._app))
    assert len(found) > 50
    assert found >= OPEN
    for method, path in found - OPEN:
        assert await place.status(path.replace("{ident}", "x"), method=method, json={}) == 401, (method, path)
    for method, path in OPEN:
        assert await place.status(path, method=method, json={}) != 401 or method == "POST", (method, path)


async def test_by_default_reading_needs_none(tmp_path: Path) -> None:
    open_ = Place(tmp_path, tokens={"anna": CHANGES}, read_tokens={"desk-7": READS})
    assert await open_.status(DATA) == 200
    assert await open_.status(PAGE_DATA) == 200
    assert await open_.status("/pause", method="POST", json={}) == 401
    async with open_.client() as client:
        assert (await client.get("/console/session")).json() == {"needed": False, "who": "", "full": ""}
        assert 'name="signaltape-reading" content="open"' in (await client.get("/console/flow")).text


@pytest.mark.parametrize("token", [CHANGES, READS])
async def test_either_kind_of_token_reads(token: str, place: Place) -> None:
    assert await place.status(DATA, token) == 200
    assert await place.status(PAGE_DATA, token) == 200


@pytest.mark.parametrize("header", [READS, f"Basic {READS}", f"bearer {READS}", "Bearer", f"Bearer {READS}x"])
async def test_only_a_bearers_token_reads(header: str, place: Place) -> None:
    async with place.client() as client:
        answer = await client.get(DATA, headers={"Authorization": header})
    wanted = (200, None) if header.startswith("bearer ") else (401, "Bearer")
    assert (answer.status_code, answer.headers.get("www-authenticate")) == wanted


@pytest.mark.parametrize("behind", [True, False])
async def test_who_may_only_read_changes_nothing_and_the_audit_knows_who_it_was(behind: bool, tmp_path: Path) -> None:
    place = Place(tmp_path, **{**BEHIND, "read_needs_token": behind})
    async with place.client(READS) as client:
        answer = await client.post("/pause", json={"reason": "a try"})
    assert (answer.status_code, "'desk-7' may read, and change nothing" in answer.text) == (403, True)
    assert [(line.who, line.outcome, line.call) for line in place.lines] == [("desk-7", "refused", "POST /pause")]


async def test_where_only_reading_tokens_are_configured_nothing_is_changed(tmp_path: Path) -> None:
    place = Place(tmp_path, read_needs_token=True, read_tokens={"desk-7": READS})
    assert await place.status(DATA, READS) == 200
    async with place.client(READS) as client:
        answer = await client.post("/pause", json={"reason": "a try"})
    assert (answer.status_code, "none is configured" in answer.text) == (403, True)


async def test_guesses_are_counted_and_pages_without_a_session_are_not(tmp_path: Path) -> None:
    place = Place(tmp_path, **BEHIND, wrong_tokens_per_minute=2)
    assert [await place.status(DATA) for _ in range(5)] == [401] * 5
    assert [await place.status(DATA, "wrong") for _ in range(3)] == [401, 401, 429]
    assert await place.status(DATA, READS) == 429, "the right one among many guesses isn't told from them"
    assert await place.status("/pause", CHANGES, "POST", json={}) == 429
    assert await place.status("/health") == 200
    assert place.lines == [], "reading leaves no line in the audit, which a guesser could fill"


async def begun(place: Place, token: str, **headers: str) -> httpx.Response:
    async with place.client(token) as client:
        found: httpx.Response = await client.post("/console/session", json={}, headers=headers)
        return found


async def test_a_session_lets_a_page_read_and_change_nothing(place: Place) -> None:
    answer = await begun(place, CHANGES)
    assert answer.json() == {"who": "anna", "may_change": True}
    cookie = {sessions.COOKIE: answer.cookies[sessions.COOKIE]}
    async with place.client() as client:
        client.cookies.update(cookie)
        assert (await client.get("/console/session")).json() == {"needed": False, "who": "anna", "full": ""}
        assert (await client.get(PAGE_DATA)).status_code == 200
        assert (await client.post("/pause", json={"reason": "a try"})).status_code == 401
        ended = await client.delete("/console/session")
    assert {'signaltape_reading=""', "Max-Age=0", "Path=/console"} <= set(ended.headers["set-cookie"].split("; "))


async def test_the_cookie_stays_with_this_page_and_holds_no_token(place: Place) -> None:
    said = (await begun(place, READS)).headers["set-cookie"]
    assert READS not in said
    assert {"HttpOnly", "SameSite=strict", "Path=/console"} <= set(said.split("; "))
    assert "Secure" not in said
    by_tls = await begun(place, READS, Origin="https://localhost")
    assert "Secure" in by_tls.headers["set-cookie"].split("; ")


async def test_a_session_is_begun_by_an_own_page_with_a_token_that_is_known(place: Place) -> None:
    assert (await begun(place, "wrong")).status_code == 401
    assert (await begun(place, "")).status_code == 401
    assert (await begun(place, READS, Origin="http://elsewhere.example")).status_code == 403
    assert (await begun(place, READS, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403


def test_a_session_ends_and_can_not_be_made_up(tmp_path: Path) -> None:
    tokens = Tokens(load_settings(home=tmp_path, api=BEHIND).api)
    good = sessions.issue("desk-7", tokens, 1_000.0)
    found = sessions.checked(good, tokens, 1_001.0)
    assert found is not None
    assert (found.holder.name, found.holder.may_change, found.ends_s) == ("desk-7", False, 1_000 + sessions.LASTS_S)
    assert sessions.checked(good, tokens, 1_000.0 + sessions.LASTS_S) is None, "it has ended"
    name, end, proof = good.split(".")
    for made_up in (
        "", ".", "..", "desk-7", f"anna.{end}.{proof}", f"nobody.{end}.{proof}", f"{name}.{int(end) + 1}.{proof}",
        f"{name}.x.{proof}", f"{name}.{end}.", f"{name}.{end}.é", f"{name}.{end}.{proof.upper()}",
    ):  # fmt: skip
        assert sessions.checked(made_up, tokens, 1_001.0) is None, made_up
    replaced = Tokens(load_settings(home=tmp_path, api={**BEHIND, "read_tokens": {"desk-7": READS + "2"}}).api)
    assert sessions.checked(good, replaced, 1_001.0) is None, "the token was replaced"


def test_a_session_is_compared_in_constant_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(load_settings(home=tmp_path, api=BEHIND).api)
    good, compared = sessions.issue("desk-7", tokens, 1_000.0), list[bool]()
    compare = hmac.compare_digest

    def counted(one: str, other: str) -> bool:
        compared.append(compare(one, other))
        return compared[-1]

    monkeypatch.setattr(hmac, "compare_digest", counted)
    for value in (good, good[:-1] + ("0" if good[-1] != "0" else "1"), good[:-1]):
        sessions.checked(value, tokens, 1_001.0)
    assert compared == [True, False, False]


async def test_a_stream_ends_with_its_session(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.streams.add("n", lambda: 1, 0.05)
    now = [1_000.0]
    monkeypatch.setattr(session.time, "time", lambda: now[0])
    stream = session.until(2_000, place.streams.listen(["n"], {}))
    assert b"event: hello" in await anext(stream)
    now[0] = 2_000.0
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert place.streams._listening.total() == 0, "its place is free again"


async def test_a_page_is_told_that_it_needs_a_token_and_that_there_is_no_place_for_it(place: Place) -> None:
    place.streams.add("n", lambda: None, 1.0)
    held = [place.streams.listen(["n"], {}, "192.0.2.7") for _ in range(2)]
    for one in held:
        await anext(one)
    async with place.client(READS) as client:
        answer = await client.get("/console/events?channels=n")
        told = (await client.get("/console/session")).json()
        assert 'name="signaltape-reading" content="token"' in (await client.get("/console/flow")).text
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many")
    assert answer.headers["retry-after"] == "10"
    assert told == {"needed": True, "who": "", "full": answer.json()["error"]["message"]}
    assert "2 pages are open already from this address" in told["full"]
    for one in held:
        await one.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("api", "word"),
    [
        ({"read_needs_token": True}, "nobody could read"),
        ({"read_tokens": {"anna": READS}, "tokens": {"anna": CHANGES}}, "anna stands in tokens and in read_tokens"),
        ({"read_tokens": {"desk": CHANGES}, "tokens": {"anna": CHANGES}}, "may only read"),
        ({"read_tokens": {"desk": CHANGES}, "token": CHANGES}, "may only read"),
        ({"read_tokens": {"desk": "short"}}, "desk"),
        ({"read_tokens": {"default": READS}}, "api.token"),
        ({"read_tokens": {"a": READS, "b": READS}}, "same token"),
    ],
)
def test_settings_that_can_not_be_meant_are_refused(api: dict[str, Any], word: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=word) as caught:
        load_settings(home=tmp_path, api=api)
    assert CHANGES not in str(caught.value)
    assert READS not in str(caught.value)

"""Tokens: names, comparison, how many wrong ones an address may show, and the audit line of each refusal."""

import hmac
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request

from infra.api_settings import ApiSettings
from infra.settings import SettingsError, load_settings
from infra.warehouse.audit import AuditLine
from signaltape.http import access, failures
from signaltape.http.guard import Guard

ANNA, BERT = "a-token-of-annas-own", "another-one-for-bert"


class Trail:
    """Keeps lines in a list."""

    def __init__(self) -> None:
        self.lines: list[AuditLine] = []

    def add(self, line: AuditLine) -> None:
        self.lines.append(line)


Ask = Callable[..., httpx.Response]


def application(trail: Trail, **options: Any) -> httpx.AsyncClient:
    settings = ApiSettings(**options)
    app = FastAPI()
    app.state.trail = trail
    failures.install(app)
    permitted = access.TokenCheck(settings)

    @app.post("/change")
    async def change(request: Request, _: Annotated[None, Depends(permitted)]) -> str:
        return access.who_of(request)

    @app.post("/other", dependencies=[Depends(access.TokenCheck(settings))])
    async def other() -> str:
        return "done"

    @app.get("/health")
    async def health() -> str:
        return "alive"

    transport = httpx.ASGITransport(Guard(app, settings), client=("192.0.2.7", 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def change(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/change", headers={"Authorization": f"Bearer {token}"})


async def test_the_audit_knows_who_it_was() -> None:
    async with application(Trail(), token="the-only-one-of-before", tokens={"anna": ANNA, "bert": BERT}) as client:
        answers = [(await change(client, token)).json() for token in (ANNA, BERT, "the-only-one-of-before")]
    assert answers == ["anna", "bert", "default"]


async def test_every_token_is_compared_whichever_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def counted(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        assert len(one) == len(other) == 32, "digests, whatever the token's length"
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", counted)
    async with application(Trail(), tokens={"anna": ANNA, "bert": BERT}) as client:
        for token in (ANNA, BERT, "wrong", "x" * 500):
            compared.clear()
            await change(client, token)
            assert len(compared) == 2


async def test_wrong_tokens_are_soon_not_looked_at_any_more() -> None:
    trail = Trail()
    async with application(trail, tokens={"anna": ANNA}, wrong_tokens_per_minute=3) as client:
        statuses = [(await change(client, "wrong")).status_code for _ in range(5)]
        late = await change(client, ANNA)
    assert statuses == [401, 401, 401, 429, 429]
    assert late.status_code == 429, "the right one among many guesses isn't told from them"
    assert late.json()["error"]["code"] == "too_many"
    assert 1 <= int(late.headers["retry-after"]) <= 20
    assert [(line.outcome, line.who, line.client) for line in trail.lines] == [("refused", "", "192.0.2.7")] * 3


async def test_another_route_gives_no_more_guesses() -> None:
    async with application(Trail(), tokens={"anna": ANNA}, wrong_tokens_per_minute=2) as client:
        assert [(await change(client, "wrong")).status_code for _ in range(3)] == [401, 401, 429]
        assert (await client.post("/other", headers={"Authorization": "Bearer wrong"})).status_code == 429


async def test_right_tokens_cost_nothing() -> None:
    async with application(Trail(), tokens={"anna": ANNA}, wrong_tokens_per_minute=3) as client:
        assert [(await change(client, ANNA)).status_code for _ in range(20)] == [200] * 20


async def test_requests_of_an_address_are_bounded_but_not_those_that_watch() -> None:
    async with application(Trail(), tokens={"anna": ANNA}, rate_per_s=0.01, burst=2) as client:
        assert [(await change(client, ANNA)).status_code for _ in range(3)] == [200, 200, 429]
        refused = await change(client, ANNA)
        assert int(refused.headers["retry-after"]) >= 1
        assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize(
    ("tokens", "word"),
    [
        ({"anna": "short"}, "anna"),
        ({"Anna Smith": ANNA}, "Anna Smith"),
        ({"default": ANNA}, "api.token"),
        ({"anna": ANNA, "bert": ANNA}, "same token"),
    ],
)
def test_tokens_that_cannot_be_used(tokens: dict[str, str], word: str) -> None:
    with pytest.raises(SettingsError, match=word) as caught:
        load_settings(api={"tokens": tokens})
    assert all(token not in str(caught.value) for token in tokens.values())

"""Which page a changing call may come from."""

import pytest
from fastapi import Request

from signaltape.http.failures import Refused
from signaltape.http.origin import require_own_page

JSON = {"content-type": "application/json; charset=utf-8"}


def request(**headers: str) -> Request:
    given = {"host": "127.0.0.1:8787", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(
        {"type": "http", "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()]}
    )


@pytest.mark.parametrize(
    "headers",
    [
        JSON,  # a program
        {**JSON, "sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8787"},
        {**JSON, "sec-fetch-site": "none"},
    ],
)
def test_own_pages_and_programs_pass(headers: dict[str, str]) -> None:
    require_own_page(request(**headers))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**JSON, "sec-fetch-site": "cross-site"}, 403),
        ({**JSON, "sec-fetch-site": "same-site"}, 403),  # another port of this machine
        ({**JSON, "origin": "https://evil.example"}, 403),
        ({**JSON, "origin": "http://127.0.0.1:9999"}, 403),
        ({**JSON, "origin": "null"}, 403),  # a sandboxed frame
        ({"content-type": "text/plain"}, 415),  # what a form can send
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
    ],
)
def test_other_pages_and_forms_are_refused(headers: dict[str, str], status: int) -> None:
    with pytest.raises(Refused) as refused:
        require_own_page(request(**headers))
    assert refused.value.status == status

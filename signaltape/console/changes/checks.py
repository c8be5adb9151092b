"""What every changing call of a page must pass, whatever it changes."""

from typing import Any

from fastapi import Depends, Request

from signaltape.http.access import TokenCheck, audit
from signaltape.http.backend import Backend
from signaltape.http.failures import Refused
from signaltape.http.origin import require_own_page

_BUILD = "x-signaltape-build"


class PageExpired(Refused):
    """The page was made by another build."""

    code = "page_expired"

    def __init__(self) -> None:
        super().__init__(409, "this page is of another build than the server: load it again, then decide")


def page_checks(backend: Backend, build: str) -> list[Any]:
    """Dependencies of a route: an own page, a token, and a page of this ``build``."""

    def own_build(request: Request) -> None:
        if request.headers.get(_BUILD, "") != build:
            audit(request, "refused", why="page of another build")
            raise PageExpired

    return [Depends(require_own_page), Depends(TokenCheck(backend.options)), Depends(own_build)]

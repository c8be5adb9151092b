"""Which page a changing request comes from: another site's page must not act with what a browser sends by itself."""

from urllib.parse import urlsplit

from fastapi import Request

from signaltape.http.failures import Refused

#: What a browser says of a request that one of our own pages, or its user, began.
_OWN = ("same-origin", "none")


def require_own_page(request: Request) -> None:
    """Refuse a request that a browser marks as another site's, and a body that a form could have sent.

    A program that is no browser sends neither header; it is judged by its token alone. Raises Refused.
    """
    site = request.headers.get("sec-fetch-site", "")
    if site and site not in _OWN:
        raise Refused(403, "this call was made by a page of another site, which may not change anything here")
    origin = request.headers.get("origin", "")
    if origin and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise Refused(403, "this call was made by a page of another origin, which may not change anything here")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "the body must be JSON, with the header Content-Type: application/json")

"""A page's session: a cookie that lets a browser read, and nothing else, for some hours.

A stream of events and a document in a tab of its own can't show a header. The cookie holds no token: it is a name and
an end, authenticated with that name's token, so that every instance knows it, and none does once the token is replaced.
"""

import hashlib
import hmac
from dataclasses import dataclass

from signaltape.http.tokens import Holder, Tokens

COOKIE = "signaltape_reading"
#: Where it is sent: a page reads below here, and programs show their token.
PATH = "/console"
LASTS_S = 12 * 3_600
_CONTEXT = b"signaltape console reading\n"


@dataclass(frozen=True, slots=True)
class Session:
    """Whose it is, and until when (Unix time, s)."""

    holder: Holder
    ends_s: int


def issue(name: str, tokens: Tokens, now_s: float) -> str:
    """The cookie's value for the holder of that name; KeyError if there is none."""
    known = tokens.named(name)
    if known is None:
        raise KeyError(name)
    said = f"{name}.{int(now_s) + LASTS_S}"
    return f"{said}.{_proof(known[1], said)}"


def checked(value: str, tokens: Tokens, now_s: float) -> Session | None:
    """The session of a cookie; None where it has ended, or was not issued for a token that there is."""
    said, _, proof = value.rpartition(".")
    name, _, end = said.rpartition(".")
    known = tokens.named(name)
    if known is None or not hmac.compare_digest(_proof(known[1], said), proof.encode("ascii", "replace").decode()):
        return None
    return Session(known[0], int(end)) if int(end) > now_s else None


def _proof(token: str, said: str) -> str:
    return hmac.new(token.encode(), _CONTEXT + said.encode(), hashlib.sha256).hexdigest()

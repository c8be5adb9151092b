"""The tokens of the settings: which one was shown, found in a time that tells nothing of the others."""

import hashlib
import hmac
from dataclasses import dataclass

from fastapi import Request

from infra.api_settings import ApiSettings


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it is, and what it is good for."""

    name: str
    may_change: bool


class Tokens:
    """Every token by its digest, which have one length, so that a comparison's time tells nothing of a token's."""

    def __init__(self, options: ApiSettings) -> None:
        self._known = [
            *((Holder(name, True), token) for name, token in options.named_tokens.items()),
            *((Holder(name, False), token) for name, token in options.read_tokens.items()),
        ]
        self._digests = [(holder, _digest(token)) for holder, token in self._known]

    @property
    def let_change(self) -> bool:
        """True if there is one that may change something."""
        return any(holder.may_change for holder, _ in self._known)

    def find(self, shown: str) -> Holder | None:
        """The holder of a token, None for a wrong one."""
        given = _digest(shown)
        # All of them are compared, so that the time doesn't tell which one was right.
        found = [holder for holder, one in self._digests if hmac.compare_digest(given, one)]
        return found[0] if found else None

    def named(self, name: str) -> tuple[Holder, str] | None:
        """The holder of that name, and his token."""
        return next((one for one in self._known if one[0].name == name), None)


def shown_token(request: Request) -> str:
    """What the header ``Authorization`` shows as a bearer's token, "" where it shows none."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("latin-1", "replace")).digest()

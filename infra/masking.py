"""Stars in place of secrets: by the name of a value, and inside texts that hold one."""

import re
from typing import Any

MASK = "********"
#: Names whose values are secrets, whole words of them: `sasl.password`, `api.token`, `webhook_url`, `ssl.key.pem`.
_NAME = re.compile(
    r"password|passwd|secret|tokens?$|tokens?\.|webhook_url|\.key$|\.pem$|credential|oauthbearer\.config|jaas"
    r"|authorization",
    re.IGNORECASE,
)
_VALUE = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\"(?:[^"\\]|\\[^"])*\\"|[^\s]+)"""
#: In URLs: `scheme://user:password@host`, as far as the last @, since a password may hold one.
_IN_URL = re.compile(r"(://[^:/@\s]*:)\S+@")
#: In the part of a URL behind ?: as far as the next &.
_IN_QUERY = re.compile(r"([?&][a-z]*(?:password|token|secret)=)[^&\s]+", re.IGNORECASE)
#: In libpq's strings and JSON: `password = 'it\'s'`, `"sasl.password": "x"`.
_NAMED = re.compile(
    r"""(?<![?&a-z])((?:\\?["'])?[a-z_.]{0,40}(?:password|passwd|secret|token)(?:\\?["'])?\s*[=:]\s*)"""
    rf"(?!{re.escape(MASK)}){_VALUE}",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(\bbearer\s+)[^\s<]+", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """True if what has this name is a secret as a whole."""
    return _NAME.search(name) is not None


def masked_text(text: str) -> str:
    """A text without the passwords and tokens in its URLs, connection strings and headers."""
    text = _IN_URL.sub(rf"\1{MASK}@", text)
    text = _IN_QUERY.sub(rf"\1{MASK}", text)
    text = _NAMED.sub(rf"\1{MASK}", text)
    return _BEARER.sub(rf"\1{MASK}", text)


def masked_value(value: Any, name: str = "") -> Any:
    """A value without its secrets, mappings and sequences through and through. Numbers are never secrets."""
    return _masked(value, is_secret(name))


def _masked(value: Any, secret: bool) -> Any:
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        return MASK if secret and value else masked_text(value)
    if isinstance(value, dict):
        return {key: _masked(item, secret or is_secret(str(key))) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, secret) for item in value]
    return value

"""What may be the name of a symbol, a feed or a source."""

from functools import lru_cache

#: Names are part of keys in the store, which bounds their length (characters).
MAX_NAME = 128


def is_name(text: str) -> bool:
    """True if ``text`` can be a name: not empty, not longer than ``MAX_NAME``, without NUL (Postgres keeps none)."""
    return 0 < len(text) <= MAX_NAME and "\0" not in text


@lru_cache(maxsize=1_024)
def are_names(texts: tuple[str, ...]) -> bool:
    """True if all can be names and none is there twice; the same symbols come again with every bar."""
    if len(set(texts)) != len(texts):
        return False
    lengths = set(map(len, texts))
    return not texts or (min(lengths) > 0 and max(lengths) <= MAX_NAME and "\0" not in "".join(texts))


def holds_nul(value: object) -> bool:
    """True if a text in ``value``, which may be nested, contains the character NUL."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(holds_nul(key) or holds_nul(one) for key, one in value.items())
        case list() | tuple():
            return any(holds_nul(one) for one in value)
        case _:
            return False

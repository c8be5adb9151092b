"""Settings of the HTTP API."""

import re

from pydantic import Field, field_validator, model_validator

from infra.settings_group import Group

#: A token that is short enough to be guessed is as good as none.
_SHORTEST_TOKEN = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
#: What the audit calls the setting api.token.
DEFAULT_NAME = "default"


class ApiSettings(Group):
    """The HTTP API: where it listens, who may change something, how much one caller may take.

    host: address to listen on. port 0: any free one, written to `<home>/run`. token: what changing calls must show
    (`Authorization: Bearer …`); tokens: name → token, one for each person or program, so that the audit says who it was
    (`token` is called `default` there). Without any, changing calls are refused. read_needs_token: reading is refused
    without a token too, over the API and in the console; `/health`, `/ready` and `/metrics` stay open. read_tokens:
    name → token, for those who may read and change nothing; `token` and `tokens` may read as well. allowed_hosts:
    names in a request's Host header beside the addresses of this machine; another one is refused, so that a web page
    can't reach the API through a name of its own. max_body_bytes, max_rows (of one prediction), max_bars (to warm up
    on): limits of one request. request_timeout_s: for a whole request; change_timeout_s: for a change from the console,
    which waits until every partition has received it. threads: model calls at the same time; max_waiting: requests that
    may wait for one of them, further ones are refused. max_connections: open connections, further ones are refused.
    max_pages: pages of the console that follow what happens, at the same time; max_pages_per_address: of one address,
    so that it can't take all of them. rate_per_s, burst: requests of one address, lasting and at once; 0 sets no limit.
    wrong_tokens_per_minute: of one address; after so many it has to wait before another token is looked at.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    token: str = Field(default="", repr=False)
    tokens: dict[str, str] = Field(default_factory=dict, repr=False)
    read_needs_token: bool = False
    read_tokens: dict[str, str] = Field(default_factory=dict, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    max_body_bytes: int = Field(default=4_194_304, ge=1_024)
    max_rows: int = Field(default=5_000, ge=1)
    max_bars: int = Field(default=2_000, ge=1)
    request_timeout_s: float = Field(default=10.0, gt=0)
    change_timeout_s: float = Field(default=60.0, gt=0)
    threads: int = Field(default=4, ge=1, le=64)
    max_waiting: int = Field(default=64, ge=0)
    max_connections: int = Field(default=256, ge=1)
    max_pages: int = Field(default=64, ge=1)
    max_pages_per_address: int = Field(default=16, ge=1)
    rate_per_s: float = Field(default=200.0, ge=0)
    burst: int = Field(default=1_000, ge=1)
    wrong_tokens_per_minute: float = Field(default=10.0, gt=0)

    @field_validator("token")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and not _usable(value):
            raise ValueError(f"at least {_SHORTEST_TOKEN} printable ASCII characters without a space, or none at all")
        return value

    @field_validator("tokens", "read_tokens")
    @classmethod
    def _named(cls, value: dict[str, str]) -> dict[str, str]:
        for name, token in value.items():
            if not _NAME.fullmatch(name) or name == DEFAULT_NAME:
                raise ValueError(
                    f"the name {name[:40]!r} can't be used: small letters, digits, '.', '_' and '-', at most 40, "
                    f"and not {DEFAULT_NAME!r}, which is the setting api.token"
                )
            if not _usable(token):
                raise ValueError(
                    f"the token of {name!r} needs at least {_SHORTEST_TOKEN} printable ASCII characters without a space"
                )
        if len(set(value.values())) < len(value):
            raise ValueError("two names have the same token: the audit could not tell them apart")
        return value

    @model_validator(mode="after")
    def _apart(self) -> "ApiSettings":
        if both := sorted(self.named_tokens.keys() & self.read_tokens.keys()):
            raise ValueError(f"{', '.join(both)} stands in tokens and in read_tokens: what may it do?")
        if set(self.named_tokens.values()) & set(self.read_tokens.values()):
            raise ValueError("a token stands under a name that may change and under one that may only read")
        if self.read_needs_token and not (self.named_tokens or self.read_tokens):
            raise ValueError("read_needs_token is on and there is no token: nobody could read")
        return self

    @property
    def named_tokens(self) -> dict[str, str]:
        """Every token that may change something, by the name that the audit gives it."""
        return {**({DEFAULT_NAME: self.token} if self.token else {}), **self.tokens}


def _usable(token: str) -> bool:
    return len(token) >= _SHORTEST_TOKEN and token.isascii() and token.isprintable() and " " not in token

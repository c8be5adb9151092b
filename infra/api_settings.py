"""Settings of the HTTP API."""

from pydantic import Field, field_validator

from infra.settings_group import Group

#: A token that is short enough to be guessed is as good as none.
_SHORTEST_TOKEN = 16


class ApiSettings(Group):
    """The HTTP API: where it listens, who may change something, how much one caller may take.

    port 0: any free one, written to `<home>/run`. token: what changing calls must show (`Authorization: Bearer …`);
    without one they are refused. allowed_hosts: names in a request's Host header beside the addresses of this machine;
    another one is refused, so that a web page can't reach the API through a name of its own. max_body_bytes, max_rows
    (of one prediction), max_bars (to warm up on): limits of one request. request_timeout_s: for a whole request.
    threads: model calls at the same time; max_waiting: requests that may wait for one of them, further ones are
    refused. max_connections: open connections, further ones are refused. max_pages: pages of the console that follow
    what happens, at the same time.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8787, ge=0, le=65535)
    token: str = Field(default="", repr=False)
    allowed_hosts: tuple[str, ...] = ()
    max_body_bytes: int = Field(default=4_194_304, ge=1_024)
    max_rows: int = Field(default=5_000, ge=1)
    max_bars: int = Field(default=2_000, ge=1)
    request_timeout_s: float = Field(default=10.0, gt=0)
    threads: int = Field(default=4, ge=1, le=64)
    max_waiting: int = Field(default=64, ge=0)
    max_connections: int = Field(default=256, ge=1)
    max_pages: int = Field(default=64, ge=1)

    @field_validator("token")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and (len(value) < _SHORTEST_TOKEN or not value.isascii() or not value.isprintable() or " " in value):
            raise ValueError(f"at least {_SHORTEST_TOKEN} printable ASCII characters without a space, or none at all")
        return value

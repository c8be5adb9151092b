"""Where alerts are handed to: a webhook, a file."""

import contextlib
import http.client
import os
import socket
import ssl
import threading
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from infra.settings import Settings
from pipeline.delivery import body_of
from schemas.alerts import Alert
from schemas.codec import decode_json


class DeliveryFailed(Exception):
    """An alert was not taken, or it is not known that it was; the message holds no secret."""


class Sink(Protocol):
    """Takes one alert at a time; the same one may come again (``alert_id`` tells)."""

    name: str

    def send(self, alert_id: str, body: bytes) -> None:
        """Return once the alert is taken. Raises DeliveryFailed."""
        ...


class Webhook:
    """POSTs alerts as JSON. Any answer of 2xx means taken; redirects are not followed, so the token stays here."""

    name = "webhook"

    def __init__(self, url: str, token: str, timeout_s: float, max_body_bytes: int) -> None:
        parts = urlsplit(url)
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._token, self._timeout_s, self._limit = token, timeout_s, max_body_bytes

    def send(self, alert_id: str, body: bytes) -> None:
        """See ``Sink``. ``timeout_s`` holds for the whole request: an answer in drops is none."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "signaltape",
            "Idempotency-Key": quote(alert_id, safe=""),
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connection()
        late = threading.Event()

        def end() -> None:
            late.set()
            with contextlib.suppress(OSError, AttributeError):  # it may be closed at this very moment
                connection.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._timeout_s, end)
        timer.daemon = True
        timer.start()
        try:
            connection.request("POST", self._target, _shortened(body, self._limit), headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = f"no answer within {self._timeout_s:g} s" if late.is_set() else _told(error)
            raise DeliveryFailed(why) from None
        finally:
            timer.cancel()
            connection.close()
        if late.is_set():  # what was cut off reads like an answer that ended
            raise DeliveryFailed(f"no answer within {self._timeout_s:g} s")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"answered {status}")

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)


class JsonLines:
    """Appends alerts to a file, one a line, on the disk when ``send`` returns."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, alert_id: str, body: bytes) -> None:
        """See ``Sink``. A line that a crash has cut short stays, ended; this one begins behind it."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self._path.exists()
            with self._path.open("ab+") as file:
                torn = file.seek(0, os.SEEK_END) > 0 and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n"
                file.write((b"\n" if torn else b"") + body + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                _sync_folder(self._path.parent)
        except OSError as error:
            raise DeliveryFailed(f"file: {error.strerror or type(error).__name__}") from None


def sinks_of(settings: Settings) -> list[Sink]:
    """The sinks that the settings name."""
    own = settings.responder
    found: list[Sink] = []
    if own.webhook_url:
        found.append(Webhook(own.webhook_url, own.webhook_token, own.timeout_s, own.max_body_bytes))
    if own.file is not None:
        found.append(JsonLines(own.file if own.file.is_absolute() else settings.home / own.file))
    return found


def _shortened(body: bytes, limit: int) -> bytes:
    if len(body) <= limit:
        return body
    message = decode_json(body)
    if not isinstance(message, Alert):
        raise ValueError("the stored body is no alert")
    return body_of(message, limit)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _told(error: Exception) -> str:
    """An error without what was sent: http.client quotes headers in some."""
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror or 'no connection'}"
    return str(error) if "limit is" in str(error) else type(error).__name__

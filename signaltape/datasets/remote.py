"""Places that keep files by name: a folder (`file://`), or a web server that takes PUT and answers GET."""

import os
import secrets
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from infra.scoring.files import sync_folder
from signaltape.datasets.errors import DatasetError

_TIMEOUT_S = 60.0
_ABSENT, _TAKEN = (404, 410), (409, 412)


class Remote(Protocol):
    """``name`` is a path below the place, with slashes. Raises DatasetError where the place can't be reached."""

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes] | None]:
        """Read a file; None if there is none."""
        ...

    def create(self, name: str, source: Path) -> bool:
        """Store a file whole or not at all, unless there is one of this name: then False."""
        ...


class FolderRemote:
    """A folder of this host, or one that is mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes] | None]:
        """See `Remote`."""
        try:
            stream = (self._folder / name).open("rb")
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            raise DatasetError(f"{self._folder / name}: {error.strerror}") from error
        with stream:
            yield stream

    def create(self, name: str, source: Path) -> bool:
        """See `Remote`. 1. A hidden copy, synced. 2. A link to it under the name, which only one process can make."""
        path = self._folder / name
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as given, draft.open("xb") as stream:  # 1.
                shutil.copyfileobj(given, stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(draft, path)  # 2.
            sync_folder(path.parent)
        except FileExistsError:
            return False
        except OSError as error:
            raise DatasetError(f"{error.filename or path}: {error.strerror}; choose a place to write") from error
        finally:
            draft.unlink(missing_ok=True)
        return True


class WebRemote:
    """An HTTP server below ``url``. PUT is sent with `If-None-Match: *`: nothing is written over where it is heeded."""

    def __init__(self, url: str, token: str = "") -> None:
        """``token``: for `Authorization: Bearer`, empty for none."""
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes] | None]:
        """See `Remote`."""
        request = urllib.request.Request(f"{self._url}/{name}", headers=self._headers)
        try:
            stream = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            error.close()  # it holds the connection
            if error.code not in _ABSENT:
                raise self._refused(name, error) from error
            yield None
            return
        except OSError as error:
            raise self._away(name, error) from error
        with stream:
            yield stream

    def create(self, name: str, source: Path) -> bool:
        """See `Remote`."""
        with self.open(name) as found:  # for servers that don't know the condition below
            if found is not None:
                return False
        length = source.stat().st_size
        headers = {**self._headers, "If-None-Match": "*", "Content-Length": str(length)}
        with source.open("rb") as stream:
            request = urllib.request.Request(f"{self._url}/{name}", data=stream, headers=headers, method="PUT")
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
                    return True
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in _TAKEN:
                    return False
                raise self._refused(name, error) from error
            except OSError as error:
                raise self._away(name, error) from error

    def _refused(self, name: str, error: urllib.error.HTTPError) -> DatasetError:
        return DatasetError(f"{self._url}/{name}: the server answers {error.code} {error.reason}")

    def _away(self, name: str, error: OSError) -> DatasetError:
        return DatasetError(f"{self._url}/{name}: can't be reached ({getattr(error, 'reason', error)})")


def remote_of(url: str, token: str = "") -> Remote:
    """The place that a URL names. Raises DatasetError for another scheme than file, http and https."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return FolderRemote(Path(urllib.request.url2pathname(parts.path)))
    if parts.scheme in ("http", "https") and parts.netloc and not (parts.query or parts.username):
        return WebRemote(url, token)
    raise DatasetError(f"{url!r}: give file:///folder, http://host/path or https://host/path")

"""Where the demonstration is looked at in a browser: the API's address, its token, and how what is kept is stopped."""

import secrets
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.api_settings import ApiSettings
from infra.stack.ports import free_ports
from infra.stack.process import write_private


@dataclass(frozen=True, kw_only=True, slots=True)
class Browsed:
    """The API of a demonstration. ``token``: made for it where the settings name none; "" where changing is off."""

    host: str
    port: int
    token: str

    @classmethod
    def of(cls, options: ApiSettings, *, keep: bool) -> "Browsed":
        """At the port of the settings, or any free one where that is taken."""
        port = options.port if options.port and _free(options.host, options.port) else free_ports(1)[0]
        token = secrets.token_urlsafe(24) if keep and not options.named_tokens else ""
        return cls(host=options.host, port=port, token=token)

    @property
    def address(self) -> str:
        """What to type into a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/console"

    @property
    def environment(self) -> dict[str, str]:
        """For the services."""
        own = {"SIGNALTAPE_API__PORT": str(self.port)}
        return own | ({"SIGNALTAPE_API__TOKEN": self.token} if self.token else {})

    def document(self, folder: Path, *, keep: bool) -> dict[str, Any]:
        """For the report; the token goes to a file that only its owner reads."""
        file = folder / "token"
        if keep and self.token:
            write_private(file, f"{self.token}\n")
        return {
            "address": self.address,
            "kept": keep,
            "token_file": str(file) if keep and self.token else None,
            "stop": stop_command(folder) if keep else None,
        }


def stop_command(folder: Path) -> str:
    """What stops a demonstration that was left running."""
    program = "signaltape" if shutil.which("signaltape") else f"{shlex.quote(sys.executable)} -m signaltape"
    return f"SIGNALTAPE_HOME={shlex.quote(str(folder))} {program} down"


def browser_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The last lines of the report."""
    if not found["kept"]:
        yield f"CONSOLE: {found['address']} while it ran; --keep (make demo ARGS=--keep) leaves it running"
        return
    yield f"CONSOLE: {found['address']}"
    if found["token_file"]:
        yield f"  token for changes: cat {shlex.quote(found['token_file'])}"
    yield f"  everything runs on in the background until: {found['stop']}"


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True

"""The files of the page, read once: a request chooses a name out of a table, so that no path can lead elsewhere."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from infra.build import build_version

_FOLDER = Path(__file__).parent / "web"
_TYPES = MappingProxyType(
    {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
)
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


#: For a document that was made elsewhere, opened as a page of its own: it may show its styles and pictures, and nothing
#: else; no script, no form, no origin.
SANDBOXED = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """What is answered for one name; ``etag`` is made of the content."""

    content: bytes
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """The one HTML document, and the policy under which a browser shows it.

    ``build`` tells this version of the files and of the program from others: a page of another build is out of date.
    """

    content: bytes
    policy: str
    build: str


def load_files() -> Mapping[str, StaticFile]:
    """Every file that a page may ask for, by its name below ``/console/static/``."""
    found = {}
    for path in sorted(_FOLDER.rglob("*")):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            name = path.relative_to(_FOLDER).as_posix()
            found[name] = StaticFile(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:24]}"')
    return MappingProxyType(found)


def load_page(files: Mapping[str, StaticFile]) -> Page:
    """The document with its build filled in.

    Only scripts of this server run. The map of module names can't be a file of its own, so its hash is allowed.
    """
    digest = hashlib.sha256("".join(one.etag for one in files.values()).encode()).hexdigest()[:12]
    build = f"{build_version()}-{digest}"
    text = (_FOLDER / "index.html").read_text().replace("$build", build)
    inline = _IMPORT_MAP.search(text)
    assert inline is not None
    hashed = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self' 'sha256-{hashed}'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return Page(text.encode(), policy, build)


@cache
def served() -> tuple[Mapping[str, StaticFile], Page]:
    """The files and the document of this process: read once, so that all of it speaks of one build."""
    files = load_files()
    return files, load_page(files)

"""The console's files: what is vendored is what was published, and what a module imports is there."""

import base64
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from signaltape.console.files import load_files, load_page
from signaltape.console.routes import PAGES

pytestmark = pytest.mark.unit
WEB = Path(__file__).parents[3] / "signaltape/console/web"
IMPORTED = re.compile(r"""(?:from|import)\s*\(?\s*["'`]([^"'`$]+)["'`]""")


def own_modules() -> list[Path]:
    return [path for path in WEB.rglob("*.js") if path.parent.name != "vendor"]


def test_vendored_files_have_their_checksums_and_licences() -> None:
    listed = tomllib.loads((WEB / "vendor/versions.toml").read_text())["file"]
    for one in listed:
        assert hashlib.sha256((WEB / "vendor" / one["name"]).read_bytes()).hexdigest() == one["sha256"], one["name"]
        assert (WEB / "vendor" / f"LICENSE.{one['package']}.txt").stat().st_size > 500
    there = {path.name for path in (WEB / "vendor").iterdir() if path.suffix in (".js", ".css")}
    assert there == {one["name"] for one in listed}


@pytest.mark.parametrize("module", own_modules(), ids=lambda path: path.relative_to(WEB).as_posix())
def test_what_a_module_imports_is_served(module: Path) -> None:
    files = load_files()
    aliases = {"preact": "vendor/preact.js", "preact/hooks": "vendor/preact-hooks.js",
               "htm": "vendor/htm.js", "uplot": "vendor/uplot.js"}  # fmt: skip
    for name in IMPORTED.findall(module.read_text()):
        assert aliases.get(name, name) in files, f"{module.name} imports {name}"


def test_the_policy_allows_the_import_map_that_the_page_has_and_no_other_inline_script() -> None:
    page = load_page(load_files())
    inline = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", page.content.decode(), re.DOTALL)
    assert len(inline) == 1
    digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in page.policy
    assert "unsafe" not in page.policy


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in [*own_modules(), WEB / "index.html", *WEB.glob("*.css")]:
        found = [
            url for url in re.findall(r"https?://[^\s\"'<>)]+", path.read_text()) if "www.w3.org/2000/svg" not in url
        ]
        assert not found, f"{path.name} names {found}"


def test_dark_is_dark_with_and_without_a_script_that_says_so() -> None:
    sheet = (WEB / "base.css").read_text()
    by_choice = re.search(r':root\[data-theme="dark"\] (\{.*?\})', sheet, re.DOTALL)
    by_system = re.search(r":root:not\(\[data-theme\]\) (\{.*?\})", sheet, re.DOTALL)
    assert by_choice is not None
    assert by_system is not None
    assert by_choice[1] == by_system[1]


def test_a_document_leads_to_the_pages_that_the_console_has() -> None:
    listed = re.findall(r'\{id: "(\w+)", name: "([^"]+)"', (WEB / "main.js").read_text())
    assert dict(listed) == PAGES


def test_another_content_is_another_build() -> None:
    files = load_files()
    assert load_page(files).build == load_page(files).build
    fewer = {name: one for name, one in files.items() if name != "main.js"}
    assert load_page(fewer).build != load_page(files).build

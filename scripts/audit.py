"""`make audit`: known vulnerabilities of the locked packages, and the licences of those that run.

Where no advisory service answers, pip-audit calls everything clean. So a package with known vulnerabilities is asked
for first: only a service that reports it is believed. Ends with 0 if everything was audited and nothing was found, 1
if something was found, 3 if it could not be audited.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
#: Vulnerable for as long as there are advisories (CVE-2019-10906 and later ones).
CANARY = "jinja2==2.10"
CLEAN, FOUND, NOT_AUDITED = 0, 1, 3
_PIN = re.compile(r"^[A-Za-z0-9][^\\#\n]*", re.MULTILINE)


def pinned(requirements: Path) -> list[str]:
    """Names of the packages of a list that are meant for this Python and system."""
    found = [Requirement(line.strip()) for line in _PIN.findall(requirements.read_text())]
    return sorted({one.name for one in found if one.marker is None or one.marker.evaluate()})


class NotAudited(Exception):
    """There is no answer that could be believed."""


def ask(requirements: Path, service: str, osv_url: str) -> list[dict[str, Any]]:
    """Return pip-audit's answer for each pinned package. Raises NotAudited where it has none."""
    more = ["--osv-url", osv_url] if osv_url else []
    command = [
        sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--disable-pip", "--no-deps",
        "--vulnerability-service", service, "--format", "json", "--progress-spinner", "off", "--timeout", "10", *more,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        raise NotAudited(f"{service}: {last[0]:.200}") from None
    return found


def believed_service(services: Sequence[str], osv_url: str) -> str:
    """Return the first service that knows the canary's vulnerabilities. Raises NotAudited."""
    why = []
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "canary.txt"
        listed.write_text(CANARY + "\n")
        for service in services:
            try:
                answer = ask(listed, service, osv_url)
            except NotAudited as error:
                why.append(str(error))
                continue
            if any(one.get("vulns") for one in answer):
                return service
            why.append(f"{service}: doesn't know that {CANARY} is vulnerable, so its answers mean nothing")
    raise NotAudited("; ".join(why))


def audit(requirements: Path, services: Sequence[str], osv_url: str) -> int:
    """Audit a list of pinned packages and print what was found; return the exit code."""
    try:
        service = believed_service(services, osv_url)
        answer = ask(requirements, service, osv_url)
        skipped = [f"{one['name']} ({one['skip_reason']})" for one in answer if "skip_reason" in one]
        wanted = len(pinned(requirements))
        if skipped or len(answer) < wanted:
            raise NotAudited(
                f"{service} answers for {len(answer) - len(skipped)} of {wanted}: {', '.join(skipped[:5])}"
            )
    except NotAudited as error:
        print(f"audit: NOT AUDITED: {error}", file=sys.stderr)
        print("audit: run it again where an advisory service can be reached (PyPI or OSV)", file=sys.stderr)
        return NOT_AUDITED
    vulnerable = [one for one in answer if one["vulns"]]
    for one in vulnerable:
        for known in one["vulns"]:
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            print(f"{one['name']} {one['version']}: {known['id']}, fixed in {fixed}")
    print(f"audit: {len(answer)} packages by {service}, {len(vulnerable)} with known vulnerabilities")
    return FOUND if vulnerable else CLEAN


def licences(requirements: Path) -> None:
    """Print the licence that each package of a list states."""
    for name in pinned(requirements):
        try:
            stated = metadata(name)
        except PackageNotFoundError:
            print(f"  {name:<28} not installed here")
            continue
        classified = [one.rpartition(":: ")[2] for one in stated.get_all("Classifier", []) if one.startswith("License")]
        licence = stated.get("License-Expression") or ", ".join(classified) or stated.get("License") or "not stated"
        print(f"  {name:<28} {licence.strip().splitlines()[0]:.80}")


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requirements", type=Path, default=ROOT / "requirements" / "all.txt")
    parser.add_argument("--run-time", type=Path, default=ROOT / "requirements" / "runtime.txt")
    parser.add_argument("--service", choices=("pypi", "osv"), help="Only this one. Default: the first that answers.")
    parser.add_argument("--osv-url", default="", help="Where OSV is, for a mirror of one's own.")
    options = parser.parse_args()
    print("audit: licences of what runs, as the packages state them", flush=True)
    licences(options.run_time)
    return audit(options.requirements, (options.service,) if options.service else ("pypi", "osv"), options.osv_url)


if __name__ == "__main__":
    sys.exit(main())

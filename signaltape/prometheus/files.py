"""What Prometheus reads: its configuration, and where the processes answer."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import infra
from signaltape.fleet import Target

RULES = Path(infra.__file__).parent / "prometheus" / "rules"
#: The rule files that ship; beside each lies its test.
RULE_FILES = ("liveness.yml", "pipeline.yml")


def shipped_rules() -> tuple[Path, ...]:
    """The rule files that come with signaltape."""
    return tuple(RULES / name for name in RULE_FILES)


def configuration(targets_file: Path, rule_files: Sequence[Path], every_s: float) -> str:
    """The configuration of a Prometheus that finds its targets in a file; JSON, which is YAML too.

    every_s: how often targets are asked and rules without an interval of their own are looked at.
    """
    every = duration(every_s)
    document: dict[str, Any] = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(path) for path in rule_files],
        "scrape_configs": [
            {"job_name": "signaltape", "file_sd_configs": [{"files": [str(targets_file)], "refresh_interval": "5s"}]}
        ],
    }
    return json.dumps(document, indent=2)


def targets_document(targets: Iterable[Target]) -> str:
    """The targets for Prometheus' file discovery.

    `instance` is service and slot, not the address: a process that restarts on another port stays the same one.
    """
    groups = [
        {
            "targets": [f"[{one.host}]:{one.port}" if ":" in one.host else f"{one.host}:{one.port}"],
            "labels": {"process": one.service, "instance": f"{one.service}-{one.instance}"},
        }
        for one in targets
    ]
    return json.dumps(groups, indent=2)


def duration(seconds: float) -> str:
    """A duration as Prometheus writes it.

    >>> duration(15), duration(0.5)
    ('15s', '500ms')
    """
    return f"{seconds:.0f}s" if float(seconds).is_integer() else f"{seconds * 1_000:.0f}ms"

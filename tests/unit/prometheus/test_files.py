"""What Prometheus is told: configurations that it accepts, targets that keep their names."""

import doctest
import json
import subprocess
from pathlib import Path

import yaml

from signaltape.fleet import Target
from signaltape.prometheus import files
from signaltape.prometheus.files import RULES, configuration, shipped_rules, targets_document
from signaltape.service_table import SERVICES
from tests.support import debian_tools

SHIPPED = RULES.parent / "prometheus.yml"


def check(path: Path) -> str:
    done = subprocess.run(
        [debian_tools.promtool(), "check", "config", path], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_what_ships_and_what_is_written(tmp_path: Path) -> None:
    assert check(SHIPPED).count(" rules found") == len(shipped_rules())
    targets = tmp_path / "targets.json"
    targets.write_text(targets_document([Target(service="store", instance=0, host="::1", port=9100)]))
    written = tmp_path / "prometheus.yml"
    written.write_text(configuration(targets, shipped_rules(), 0.5))
    assert check(written).count(" rules found") == len(shipped_rules())


def test_what_ships_names_every_service_and_every_rule_file() -> None:
    document = yaml.safe_load(SHIPPED.read_text())
    assert document["rule_files"] == [f"rules/{path.name}" for path in shipped_rules()]
    job = document["scrape_configs"][0]
    assert set(SERVICES) <= set(job["dns_sd_configs"][0]["names"])
    assert {path.name for path in RULES.glob("*.yml")} - {path.name for path in RULES.glob("*.test.yml")} == {
        path.name for path in shipped_rules()
    }


def test_a_target_keeps_its_name_on_another_port() -> None:
    groups = json.loads(
        targets_document(
            [
                Target(service="features", instance=1, host="127.0.0.1", port=4711, pid=1),
                Target(service="features", instance=0, host="::1", port=4712),
            ]
        )
    )
    assert groups == [
        {"targets": ["127.0.0.1:4711"], "labels": {"process": "features", "instance": "features-1"}},
        {"targets": ["[::1]:4712"], "labels": {"process": "features", "instance": "features-0"}},
    ]


def test_the_examples_hold() -> None:
    assert doctest.testmod(files).failed == 0

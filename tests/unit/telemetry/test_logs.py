"""Secrets never reach the logs."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from infra.telemetry.logs import mask_secrets

PROGRAM = """
import logging
from infra.settings import load_settings
from infra.telemetry.logs import configure, get_logger
configure(load_settings(), "features")
log = get_logger()
options = {"sasl.password": "hunter2", "x": ["password=hunter2"]}
log.info("connecting", dsn="postgresql://u:hunter2@h/db", options=options)
logging.getLogger("library").warning("lost postgresql://u:%s@h/db", "hunter2")
log.debug("not shown")
try:
    raise ValueError("redis://:hunter2@h/0")
except ValueError:
    log.exception("failed")
"""


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"password": "x"}, {"password": "********"}),
        ({"api_token": "x", "sasl.password": "x"}, {"api_token": "********", "sasl.password": "********"}),
        ({"secret_key": "x"}, {"secret_key": "********"}),
        ({"tokens_read": 5}, {"tokens_read": 5}),
        ({"url": "postgresql://u:p@h/d"}, {"url": "postgresql://u:********@h/d"}),
        ({"url": "redis://:p@h/0"}, {"url": "redis://:********@h/0"}),
        ({"dsn": "host=h password=p user=u"}, {"dsn": "host=h password=******** user=u"}),
        ({"options": {"sasl.password": "p", "a": 1}}, {"options": {"sasl.password": "********", "a": 1}}),
        ({"event": "bars from 10:30 to 11:00 at a@b"}, {"event": "bars from 10:30 to 11:00 at a@b"}),
        ({"count": 3, "none": None}, {"count": 3, "none": None}),
    ],
)
def test_masking(event: dict[str, Any], expected: dict[str, Any]) -> None:
    assert mask_secrets(None, "info", event) == expected


def test_lines_are_json_where_nobody_looks() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "hunter2" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["connecting", "lost postgresql://u:********@h/db", "failed"]
    assert {line["service"] for line in lines} == {"features"}
    assert lines[0]["level"] == "info"
    assert lines[0]["timestamp"].endswith("Z")
    assert "ValueError" in lines[2]["exception"]


def test_the_root_logger_of_this_process_is_untouched() -> None:
    assert not any("structlog" in type(handler.formatter).__module__ for handler in logging.getLogger().handlers)


def test_a_program_that_configured_nothing_gets_warnings_on_stderr_only() -> None:
    """One that uses the SDK: its stdout is its own."""
    script = (
        "from infra.telemetry.logs import get_logger\n"
        "get_logger().info('quiet')\n"
        "get_logger().warning('model_missed', url='redis://:hunter2@h/0')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    assert json.loads(done.stderr) == {"event": "model_missed", "level": "warning", "url": "redis://:********@h/0"}


def test_errors_and_warnings_are_counted_whoever_wrote_them() -> None:
    counts = (
        "\nfrom prometheus_client import REGISTRY\n"
        "for name in ('errors', 'warnings'):\n"
        "    print(REGISTRY.get_sample_value(f'signaltape_{name}_total', {'service': 'features'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", PROGRAM + counts], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.0", "1.0"]

"""The fingerprint names the arithmetic, not the moment."""

import subprocess
import sys

from pipeline.numerics import fingerprint, probe


def test_it_is_the_same_in_another_process() -> None:
    code = "from pipeline.numerics import fingerprint; print(fingerprint({'ort': '1'}))"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == fingerprint({"ort": "1"})


def test_what_lies_outside_the_core_counts_whatever_its_order() -> None:
    assert fingerprint({"ort": "1"}) != fingerprint({"ort": "2"}) != fingerprint()
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})


def test_the_probe_is_repeatable() -> None:
    assert probe().tobytes() == probe().tobytes()

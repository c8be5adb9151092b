"""Fixtures: the reference file of other libraries' numbers."""

import csv
from pathlib import Path

import numpy as np
import pytest

from schemas.fields import F8Array

REFERENCE_FILE = Path(__file__).parents[4] / "shared" / "reference" / "stats_input.csv"


@pytest.fixture(scope="session")
def columns() -> dict[str, F8Array]:
    """Columns of the reference file, by name; skips where it is not there."""
    if not REFERENCE_FILE.is_file():
        pytest.skip(f"no reference data: {REFERENCE_FILE} is not there")
    with REFERENCE_FILE.open() as lines:
        rows = list(csv.DictReader(lines))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}

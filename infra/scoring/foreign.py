"""Models from elsewhere: an ONNX file and a manifest become a folder that the registry takes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from infra.scoring.errors import ManifestInvalid, ModelRefused, UnusableOutput
from infra.scoring.files import sha256_of, write_atomically
from infra.scoring.golden import GoldenVectors
from infra.scoring.manifest import ModelManifest, from_document
from infra.scoring.numerics import host_fingerprint
from infra.scoring.scorer import RowScorer
from infra.scoring.session import Session

_ROWS = 64


def prepare_folder(onnx: Path, manifest: Path, golden: Path | None, folder: Path) -> ModelManifest:
    """Write model and golden vectors into ``folder``; return the manifest with their checksums.

    A checksum that the manifest gives must be that of the file. Without ``golden`` the vectors are made here, from
    seeded rows with missing values among them: then they hold this host's results still, but prove nothing about
    where the model came from. Raises ModelRefused or ManifestInvalid naming the file and what to do.
    """
    graph, document = _read(onnx), _document(manifest)
    found = sha256_of(graph)
    if document.get("sha256") not in (None, "", found):
        raise ModelRefused(f"{onnx}: its SHA-256 is {found}, {manifest} says {document['sha256']}: which is right?")
    draft = from_document({**document, "sha256": found, "version": 0}, str(manifest))
    if golden is None:
        vectors = _made(graph, draft, str(onnx))
        draft = replace(draft, numerics=host_fingerprint())
    else:
        vectors = _read(golden)
        GoldenVectors.from_json(vectors, str(golden))
    made = replace(draft, golden_sha256=sha256_of(vectors))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / made.onnx_file, graph)
    write_atomically(folder / made.golden_file, vectors)
    return made


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"{path}: cannot be read ({error.strerror})") from error


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(_read(path))
    except ValueError as error:
        raise ManifestInvalid(f"{path}: not JSON ({error})") from error
    if not isinstance(document, Mapping):
        raise ManifestInvalid(f"{path}: must be a JSON object")
    return document


def _made(graph: bytes, manifest: ModelManifest, source: str) -> bytes:
    generator = np.random.Generator(np.random.PCG64(1))
    shape = (_ROWS, len(manifest.features))
    rows = generator.normal(0.0, 1.0, shape).astype(np.float32)
    rows[generator.random(shape) < 0.1] = np.nan
    try:
        scores = RowScorer(Session(graph, shape[1], source)).score_rows(rows)
    except UnusableOutput as error:
        raise ModelRefused(
            f"{source}: gives no usable result for rows with missing values ({error}). An undefined feature arrives as "
            "NaN: let the graph impute it, as its first step"
        ) from error
    return GoldenVectors(
        features=manifest.features, rows=rows, score=scores.score, confidence=scores.confidence
    ).to_json()

"""A PyTorch network that signaltape serves: trained on a dataset's files, exported with its preprocessing inside.

    pip install torch onnx onnxscript pyarrow          # PyTorch is no dependency of signaltape, nor this file's of it
    python examples/pytorch_model.py data/2024h1 --out net
    signaltape models register net/model.onnx --manifest net/manifest.json --dataset data/2024h2

The last command tests the model on rows of another dataset, later ones: those of the first have been learnt from.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn

COLUMNS = ("logret_1", "logret_5", "rsi_14", "volume_z_20", "ema_gap_12")


class Served(nn.Module):
    """What signaltape calls: NaN where undefined in, score and confidence out."""

    def __init__(self, x: torch.Tensor, unit: float) -> None:
        super().__init__()
        median = torch.nanmedian(x, dim=0).values
        filled = torch.where(torch.isnan(x), median, x)
        self.register_buffer("median", median)
        self.register_buffer("mean", filled.mean(dim=0))
        self.register_buffer("deviation", filled.std(dim=0).clamp(min=1e-12))
        self.register_buffer("unit", torch.tensor(unit))
        self.register_buffer("calibration", torch.zeros(2))  # intercept, slope
        self.register_buffer("spread", torch.tensor(1.0))
        self.network = nn.Sequential(nn.Linear(x.shape[1], 16), nn.ReLU(), nn.Linear(16, 1))

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        filled = torch.where(torch.isnan(x), self.median, x)
        prepared = ((filled - self.mean) / self.deviation).clamp(-5.0, 5.0)
        return self.network(prepared).squeeze(1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        score = self.predict(x) * self.unit
        strength = (score.abs() / self.spread).clamp(max=3.0)
        return score, torch.sigmoid(self.calibration[0] + self.calibration[1] * strength)


def read(folder: Path) -> tuple[dict, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Manifest, and rows in time order: features, label, close of the bar, and when the label was known."""
    manifest = json.loads((folder / "manifest.json").read_text())
    table = pq.read_table(folder / "data.parquet").sort_by([("event_time", "ascending"), ("symbol", "ascending")])
    columns = [table[name].to_numpy(zero_copy_only=False) for name in COLUMNS]
    x = np.stack([np.asarray(one, dtype=np.float32) for one in columns], axis=1)
    y = np.asarray(table["label"].to_numpy(zero_copy_only=False), dtype=np.float32)
    times = [table[name].cast("int64").to_numpy() for name in ("event_time", "label_available_time")]
    return manifest, torch.from_numpy(x), torch.from_numpy(y), *(torch.from_numpy(one.copy()) for one in times)


def fit(model: Served, x: torch.Tensor, y: torch.Tensor, epochs: int) -> None:
    optimiser = torch.optim.AdamW(model.network.parameters(), lr=1e-3, weight_decay=0.1)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(256):
            loss = nn.functional.mse_loss(model.predict(x[rows]), y[rows] / model.unit)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def calibrate(model: Served, x: torch.Tensor, y: torch.Tensor) -> None:
    """Probability that the sign is right, by the size of the score, on rows that were not fitted to."""
    with torch.no_grad():
        score = model.predict(x) * model.unit
        model.spread.copy_(score.std())
        strength = (score.abs() / model.spread).clamp(max=3.0)[y != 0]
        right = (torch.sign(score) == torch.sign(y)).float()[y != 0]
    terms = torch.zeros(2, requires_grad=True)
    optimiser = torch.optim.LBFGS([terms], max_iter=100)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        found = nn.functional.binary_cross_entropy_with_logits(terms[0] + terms[1] * strength, right)
        found.backward()
        return found

    optimiser.step(loss)
    model.calibration.copy_(torch.stack([terms[0], terms[1].clamp(min=0.0)]).detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="momentum-net")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    torch.manual_seed(7)
    torch.set_num_threads(1)
    manifest, x, y, event_time, known = read(options.dataset)
    boundary = event_time[int(0.8 * len(event_time))]
    train, validation = known < boundary, event_time >= boundary  # no label is learnt that was not known by then
    model = Served(x[train], float(y[train].std()))
    fit(model, x[train], y[train], options.epochs)
    calibrate(model, x[validation], y[validation])
    model.eval()
    with torch.no_grad():
        score = model(x[train])[0]
    options.out.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (x[:256],),
        str(options.out / "model.onnx"),
        input_names=["features"],
        output_names=["score", "confidence"],
        dynamic_shapes=({0: torch.export.Dim("rows")},),
        dynamo=True,
        external_data=False,
    )
    terms = manifest["terms"]
    served = {
        "name": options.name,
        "description": "PyTorch network over five columns",
        **{name: terms[name] for name in ("feature_set", "set_version", "set_hash", "horizon")},
        "features": list(COLUMNS),
        "intervals": [terms["interval"]],
        "thresholds": {
            "long": max(0.0, float(torch.quantile(score, 0.8))),
            "short": min(0.0, float(torch.quantile(score, 0.2))),
        },
    }
    (options.out / "manifest.json").write_text(json.dumps(served, indent=2) + "\n")


if __name__ == "__main__":
    main()

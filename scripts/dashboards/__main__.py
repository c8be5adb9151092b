"""Write infra/grafana/dashboards/*.json and the console's copy of the runbook anew: `make dashboards`."""

from pathlib import Path

from scripts.dashboards import runbook
from scripts.dashboards.drift import DRIFT
from scripts.dashboards.models import MODELS
from scripts.dashboards.pipeline import PIPELINE
from scripts.dashboards.rendering import frame, heading, text_of, to_json
from scripts.dashboards.signals import SIGNALS
from scripts.dashboards.spec import Dashboard

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra" / "grafana" / "dashboards"
#: What is installed holds the packages, and no docs.
RUNBOOK_COPY = ROOT / "signaltape" / "console" / "runbook" / "runbook.md"
#: File → its description.
DASHBOARDS: dict[str, Dashboard] = {
    "pipeline.json": PIPELINE, "signals.json": SIGNALS, "models.json": MODELS, "drift.json": DRIFT,
}  # fmt: skip


def files() -> dict[str, str]:
    """Every file of the folder and its text."""
    about = "docs/runbook.md, one panel for each section: where the links of the other dashboards lead."
    builder = frame(runbook.UID, "5 Runbook", about, "now-1h", "")
    book = builder.build()
    book.panels = runbook.panels(heading)
    return {**{name: to_json(found) for name, found in DASHBOARDS.items()}, "runbook.json": text_of(book)}


def main() -> None:
    """Write the files, and remove those that are no longer described."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = files()
    for path in FOLDER.glob("*.json"):
        if path.name not in written:
            path.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text)
    RUNBOOK_COPY.write_text(runbook.SOURCE.read_text())
    print(f"wrote {', '.join(written)} to {FOLDER}, and {RUNBOOK_COPY.name} for the console")


if __name__ == "__main__":
    main()

"""A/B tests: started and stopped at a bar on every partition, listed from the log, reported from the store."""

from signaltape.experiments.errors import ExperimentRefused, UnknownExperiment
from signaltape.experiments.issuing import Terms, start_experiment, stop_experiment
from signaltape.experiments.report import ExperimentReport, report

__all__ = [
    "ExperimentRefused",
    "ExperimentReport",
    "Terms",
    "UnknownExperiment",
    "report",
    "start_experiment",
    "stop_experiment",
]

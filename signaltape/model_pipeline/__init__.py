"""A model's way from data to staging, stage by stage: each leaves a report, a failed one stops, a run can go on."""

from signaltape.model_pipeline.errors import PipelineStopped
from signaltape.model_pipeline.plan import Plan
from signaltape.model_pipeline.run import STAGES, Ended, resume_run, start_run

__all__ = ["STAGES", "Ended", "PipelineStopped", "Plan", "resume_run", "start_run"]

"""Durability: how long a model lasts, how fast it fades, and why; from a log of its predictions."""

from assay.assess.durability.front import durability
from assay.assess.durability.given import Refits
from assay.assess.durability.lens import Question, assess
from assay.assess.durability.reading.log import Columns, PredictionLog, read_log
from assay.assess.durability.regret import staleness_regret
from assay.assess.durability.stream import probe, run_stream
from assay.assess.durability.watch import WatchState, watch, watch_log

__all__ = [
    "Columns",
    "PredictionLog",
    "Question",
    "Refits",
    "WatchState",
    "assess",
    "durability",
    "probe",
    "read_log",
    "run_stream",
    "staleness_regret",
    "watch",
    "watch_log",
]

"""A trained encoder and a task with labels in, scores out: what plain heads read from frozen features."""

from randquant.probe.features import RAW, extract, labels_of, raw
from randquant.probe.quick import quick_scores
from randquant.probe.score import Score, neighbours, score
from randquant.probe.task import probe, result_lines, score_task

__all__ = [
    "RAW",
    "probe",
    "quick_scores",
    "score",
    "Score",
    "neighbours",
    "extract",
    "raw",
    "labels_of",
    "score_task",
    "result_lines",
]

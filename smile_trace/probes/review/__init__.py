"""Variants judged by people, on a local page or in a tracker's queues, and by a model that is
measured against them."""

from smile_trace.probes.review.judge import Judged, ask_judge, estimate_judging
from smile_trace.probes.review.server import JudgeResults, ReviewResults, ReviewServer, results
from smile_trace.probes.review.tasks import (
    Case,
    confirmed_cases,
    confirmed_tasks,
    stored_tasks,
    tasks_of,
    worth_a_minute,
)

__all__ = [
    "Case",
    "JudgeResults",
    "Judged",
    "ReviewResults",
    "ReviewServer",
    "ask_judge",
    "confirmed_cases",
    "confirmed_tasks",
    "estimate_judging",
    "results",
    "stored_tasks",
    "tasks_of",
    "worth_a_minute",
]

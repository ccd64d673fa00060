"""Variants judged by people, on a page of this machine or in the queues of a tracker, and by a
model that is measured against them."""

from smile_trace.review.cases import Case, confirmed_cases, confirmed_tasks
from smile_trace.review.judge import Judged, ask_judge, estimate_judging
from smile_trace.review.results import JudgeResults, ReviewResults, results
from smile_trace.review.server import ReviewServer
from smile_trace.review.tasks import stored_tasks, tasks_of, worth_a_minute

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

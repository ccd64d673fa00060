"""Variants judged by people: on a page of this machine, or in the queues of a tracker."""

from smile_trace.review.cases import Case, confirmed_cases, confirmed_tasks
from smile_trace.review.results import ReviewResults, results
from smile_trace.review.server import ReviewServer
from smile_trace.review.tasks import stored_tasks, tasks_of, worth_a_minute

__all__ = [
    "Case",
    "ReviewResults",
    "ReviewServer",
    "confirmed_cases",
    "confirmed_tasks",
    "results",
    "stored_tasks",
    "tasks_of",
    "worth_a_minute",
]

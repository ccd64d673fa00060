"""What a job asks for beside its explanation, and what makes it wait with that."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from smile_trace.errors import BudgetExceeded
from smile_trace.models import ModelUnavailable
from smile_trace.records import Response
from smile_trace.worker.explaining.models import Models


class Waits(Exception):
    """What is asked beside an explanation cannot go on for now; what it has asked is in the store,
    and asked no more."""

    def __init__(self, error: ModelUnavailable | BudgetExceeded) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def waiting(model: str | None) -> Iterator[None]:
    """Turn what lasts for a while only into `Waits`.

    Args:
        model: who is asked, unless an error names another one.
    """
    try:
        yield
    except ModelUnavailable as error:
        if error.permanent:
            raise
        error.model = error.model or model
        raise Waits(error) from error
    except BudgetExceeded as error:
        if not error.daily:
            raise
        raise Waits(error) from error


def note_answers(models: Models, name: str, responses: Sequence[Response]) -> None:
    """End the pause of a model that has answered."""
    if models.is_paused(name) and any(r.ok and not r.cached for r in responses):
        models.answered(name)

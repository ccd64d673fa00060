"""A proxy for the model that is explained: how often either is asked, and how."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from smile_trace.attribution import Proxy, ProxyStudy, Study
from smile_trace.models import Model, ModelUnavailable, ScoringModel
from smile_trace.records import JSON, ExplanationSettings, Prompted

MAX_CALLS, USUAL_CALLS = 20, 16
"""Calls to the target beside a proxy: a budget up to the first is taken as it is; of a larger one
no more than the second are needed."""

PROXY_CALLS = 200
"""Calls to the proxy, by default."""

AnyStudy = Study | ProxyStudy


def beside_proxy(budget: int) -> int:
    """How many of `budget` calls the target is asked where it has a proxy."""
    return budget if budget <= MAX_CALLS else USUAL_CALLS


def make_study(
    prompted: Prompted,
    settings: ExplanationSettings,
    proxy: Model | None,
    proxy_calls: int = PROXY_CALLS,
    **options: Any,
) -> AnyStudy:
    """The Study of a prompt, with a proxy where there is one.

    Args:
        prompted: the exact messages.
        settings: as for `Study`.
        proxy: who stands in for the target, asked `proxy_calls` times at most.
        proxy_calls: those at the masks that the target is asked, too, among them.
        options: the other arguments of `Study`.

    Raises:
        CannotExplain: nothing can be left out of this prompt.
    """
    if proxy is None:
        return Study(prompted, settings, **options)
    stands_in = as_proxy(proxy, prompted.parameters, max(proxy_calls - settings.budget, 2))
    return ProxyStudy(prompted, settings, proxy=stands_in, **options)


def as_proxy(model: Model, parameters: Mapping[str, JSON], calls: int) -> Proxy:
    """What a study has to know of a proxy: it scores the logged answer where it can."""
    whole = isinstance(model, ScoringModel) and not getattr(model, "first_token_only", False)
    return Proxy(
        name=model.name,
        signal="probability" if whole else "text",
        deterministic=model.deterministic(dict(parameters)),
        calls=calls,
    )


@contextmanager
def proxy_of_model(proxy: str, model: str) -> Iterator[None]:
    """What goes wrong inside is said of the proxy of the model, which is the one that waits.

    Raises:
        ModelUnavailable: the proxy cannot be asked.
    """
    try:
        yield
    except ModelUnavailable as error:
        why = f"the proxy {proxy!r} of the model {model!r}: {error}"
        raise ModelUnavailable(why, permanent=error.permanent) from error

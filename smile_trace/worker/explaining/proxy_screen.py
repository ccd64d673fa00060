"""Screening of proxies, per model, proxy and prompt, by the trusts in the store."""

import logging
from statistics import fmean

from smile_trace.records import Call, Explanation, ProxyUse
from smile_trace.store import Store
from smile_trace.store.jobs import Job
from smile_trace.store.model_states import Pair
from smile_trace.store.tables import Group

logger = logging.getLogger(__name__)


def pair_of(job: Job, call: Call) -> Pair | None:
    """The pair to be screened; None for a job without a proxy."""
    if job.settings.proxy is None:
        return None
    return Pair(target=job.settings.model, proxy=job.settings.proxy, group=Group.of(call))


def why_dropped(store: Store, pair: Pair) -> str | None:
    """Why the proxy is not asked any more, in words; None while it is used."""
    # `smile-trace status` asks, too, and of most homes there is no pair: seconds not spent.
    from smile_trace.attribution.estimation.proxy_findings import MIN_MEAN_TRUST, mistrusted

    seen = store.proxy_trusts.values(pair)
    if not mistrusted(seen):
        return None
    return (
        f"it does not predict this model on this prompt: its mean trust over {len(seen)} "
        f"explanations is {fmean(seen):.2f}, and {MIN_MEAN_TRUST:.2f} is needed"
    )


def note(store: Store, pair: Pair, explanation: Explanation, job: Job, *, now: float) -> None:
    """Store the trust in the proxy of an explanation in which the target's answer moved."""
    use = explanation.proxy
    if use is None or use.dropped is not None or use.agreement is None:
        return
    before = why_dropped(store, pair)
    store.proxy_trusts.add(pair, use.trust, item=job.budget_scope.key, now=now)
    why = why_dropped(store, pair)
    if why is not None and before is None:
        logger.warning(
            "the proxy %s of %s is dropped for %s: %s; `smile-trace retry --proxies` tries "
            "it again",
            pair.proxy,
            pair.target,
            pair.group,
            why,
        )


def dropped_proxies(store: Store) -> tuple[str, ...]:
    """Every proxy that is not asked any more, in words."""
    seen = ((pair, why_dropped(store, pair)) for pair in store.proxy_trusts.pairs())
    return tuple(
        f"{pair.proxy} for {pair.target} on {pair.group}: {why}"
        for pair, why in seen
        if why is not None
    )


def unused(pair: Pair, why: str) -> ProxyUse:
    """An explanation's note on a proxy that was not asked."""
    return ProxyUse(name=pair.proxy, dropped=why)

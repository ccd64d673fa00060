"""The facts beside an explanation: how far to trust it, and what it cost."""

from collections.abc import Iterator
from typing import get_args

from smile_trace.records import Explanation, FidelityStatus, ProxyUse
from smile_trace.render.text import short, unsigned

STATUS_WORDS: dict[FidelityStatus, str] = {
    status: status.replace("_", " ") for status in get_args(FidelityStatus)
}


def facts(explanation: Explanation) -> Iterator[str]:
    """Yield short phrases: fidelity, noise floor, cost, model."""
    fidelity, cost = explanation.fidelity, explanation.cost
    if fidelity.r2_heldout is not None:
        interval = (
            ""
            if fidelity.r2_low is None or fidelity.r2_high is None
            else f" ({unsigned(fidelity.r2_low)} to {unsigned(fidelity.r2_high)})"
        )
        yield f"held-out R² {unsigned(fidelity.r2_heldout)}{interval}"
    yield f"noise floor {fidelity.noise_floor:.2f}"
    yield _calls(explanation)
    if any(row.kind == "enumerated" for row in explanation.perturbations) and _is_exact(
        explanation
    ):
        yield "every combination asked: exact, no error bars"
    if cost.proxy_calls:
        yield f"{cost.proxy_calls:,} proxy calls"
    if cost.judge_calls:
        yield f"{cost.judge_calls:,} calls of the judge"
    if explanation.proxy is not None:
        yield _proxy(explanation.proxy)
    if cost.tokens:
        yield f"{cost.tokens:,} tokens"
    if cost.usd is not None:
        yield f"${cost.usd:.4f}" if cost.usd else "$0"
    yield short(explanation.settings.model)
    yield f"{explanation.signal} signal"
    if explanation.first is not None:
        yield "ranked also by how near a word is to the answer"


def _is_exact(explanation: Explanation) -> bool:
    parts = (*explanation.segments, *explanation.coarser)
    return all(part.ci_low == part.ci_high for part in parts)


def _calls(explanation: Explanation) -> str:
    """Say what was asked, so that it adds up: `40 calls, 3 of them with the whole prompt`, `40
    requests: 12 asked, 28 answered from the store`."""
    asked, stored = explanation.cost.target_calls, explanation.cost.cached_calls
    rows = [row for row in explanation.perturbations if row.asked == "target"]
    whole = {row.text_hash for row in rows if row.kind == "baseline"}
    sent = {(row.text_hash, row.replicate) for row in rows}
    told, every = f"{asked:,} calls", asked + stored
    if stored:
        told = f"{every:,} requests: {asked:,} asked, {stored:,} answered from the store"
    if not whole or len(sent) != every:
        return told
    return f"{told}, {sum(text in whole for text, _ in sent):,} of them with the whole prompt"


def _proxy(use: ProxyUse) -> str:
    if use.dropped is not None:
        return f"proxy {use.name} not used: {use.dropped}"
    how = "scored this answer" if use.signal == "probability" else "gave answers of its own"
    agrees = "" if use.agreement is None else f", agreement {use.agreement:.2f} (0.50 is chance)"
    return f"proxy {use.name} {how}, trust {use.trust:.2f} of 1{agrees}"


def fidelity_reason(explanation: Explanation) -> str:
    """Return the sentence beside the fidelity number: how far to trust it, and why."""
    fidelity = explanation.fidelity
    return f"{STATUS_WORDS[fidelity.status]}: {fidelity.reason}"

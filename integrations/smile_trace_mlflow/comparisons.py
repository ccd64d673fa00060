"""Prompt versions side by side: a run per version, with metrics, traces, prompt and the page."""

import hashlib
import math
import re
from collections.abc import Callable, Sequence

from mlflow.entities.model_registry import PromptVersion

from smile_trace.records.comparison import Comparison, VersionReport
from smile_trace.trackers import ComparedPrompt, Receipt
from smile_trace_mlflow.server import Server

VERSION_TAG = "smile.prompt_version"
PAGE = "comparison.html"
PAGE_TAG = "smile.comparison"
MOST_TRACES = 100
"""Traces linked to a run: MLflow takes no more in one request."""
MOST_SEGMENTS = 30
"""Segments whose influence is a metric of its own; all of them are on the page."""
LONGEST_PARAMETER = 5000
Registered = Callable[[str, str, str], PromptVersion | None]
_UNSAFE = re.compile(r"[^A-Za-z0-9 _.\-]+")


def deliver_versions(
    server: Server, item: ComparedPrompt, ui_url: str, registered: Registered
) -> Receipt:
    """Write every version's run over; gives the last one, and where its page is.

    Args:
        registered: (name, version, template) to the registry's version with that very template.

    Raises:
        TrackerUnavailable: the server takes nothing.
        Refused: the server does not take this.
    """
    comparison = item.comparison
    page = comparison.to_html()
    receipt = Receipt(external_id="")
    for place, version in enumerate(comparison.versions):
        key = _key(comparison.prompt, version)
        name = _safe(f"{comparison.prompt} {version.label}")
        run_id = server.find_or_make_run(VERSION_TAG, key, name, _NOTE)
        server.write_parameters(run_id, _parameters(comparison.prompt, version))
        url = f"{ui_url}/#/experiments/{server.experiment_id}/runs/{run_id}/artifacts/{PAGE}"
        server.write_metrics(run_id, metrics(comparison, place))
        server.write_artifact(run_id, PAGE, page)
        server.write_artifact(run_id, "comparison.json", comparison.model_dump_json())
        if traces := item.traced_as.get(version.label, ())[:MOST_TRACES]:
            server.link_traces(run_id, traces)
        if held := registered(comparison.prompt, version.version, version.template):
            server.link_prompt_to_run(run_id, held)
            server.tag_prompt(held, PAGE_TAG, url)
        receipt = Receipt(external_id=run_id, url=url)
    return receipt


def metrics(comparison: Comparison, place: int) -> dict[str, float]:
    """The figures of one version that MLflow shows side by side, by names that versions share."""
    version = comparison.versions[place]
    found = {
        "smile.calls": float(version.calls),
        "smile.explained": float(version.explained),
        "smile.critical_parts": float(version.count("critical")),
        "smile.dead_parts": float(version.count("dead")),
        "smile.undetermined_parts": float(version.count("undetermined")),
        "smile.dead_tokens_per_1000_calls": sum(i.tokens_saved or 0.0 for i in version.segments),
    }
    found |= {f"traffic.{measure.name}": measure.mean for measure in version.measures}
    for change in comparison.changes:
        if change.after == place and change.answers is not None:
            found["smile.answer_shift_from_previous"] = change.answers.distance
    known = [i for i in version.segments if i.standard_error is not None]
    strongest = sorted(known, key=lambda i: -abs(i.influence))[:MOST_SEGMENTS]
    names = _names([i.segment.text for i in strongest])
    found |= {name: i.influence for name, i in zip(names, strongest, strict=True)}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _names(texts: Sequence[str]) -> list[str]:
    """A metric's name per segment, the same in every version that has its text."""
    names: list[str] = []
    for text in texts:
        stem = f"influence/{_safe(text)[:60].strip() or 'part'}"
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
        name = stem if stem not in names and _safe(text) == text.strip() else f"{stem} {digest}"
        while name in names:
            name += " again"
        names.append(name)
    return names


def _parameters(prompt: str, version: VersionReport) -> dict[str, str]:
    return {
        "prompt": prompt[:LONGEST_PARAMETER],
        "prompt_version": version.version[:LONGEST_PARAMETER],
        "model": version.model or "",
        "template": version.template[:LONGEST_PARAMETER].replace("\0", "\u2400"),
    }


def _key(prompt: str, version: VersionReport) -> str:
    """What a run is found by; a hash, because names may hold anything."""
    text = "\0".join([prompt, version.label, version.model or "", version.template])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _safe(text: str) -> str:
    return _UNSAFE.sub(" ", text).strip()[:200]


_NOTE = "A version of a prompt, compared with others by smile-trace: see the artifact " + PAGE

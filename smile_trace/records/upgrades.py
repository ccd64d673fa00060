"""Readability of records across releases: their versions, and the hash that names settings.

Release 0.2 is the first. Its explanations (schema version 2), like those of version 3, call
`answer_part` `part`, and lack nothing that the rest of them does not tell; its comparisons (3) have
other words for verdicts, and list what mattered with each version, as those of version 4 do.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import model_validator

from smile_trace._stats.intervals import wilson
from smile_trace.records.base import JSON


def versioned(
    current: int,
    noun: str,
    *,
    oldest: int | None = None,
    upgrade: Callable[[dict[str, JSON]], dict[str, JSON]] = dict,
) -> Any:
    """Make a record's validator, which takes a document at the current `schema_version`, and
    upgrades it if it is at least `oldest`. It raises ValueError if it has another version; the
    message says what to do."""

    def check(cls: type, document: JSON) -> JSON:
        version = document.get("schema_version", current) if isinstance(document, dict) else current
        if type(version) is not int:
            raise ValueError(f"the schema version of this {noun} is no number")
        if version > current:
            raise ValueError(
                f"this {noun} has schema version {version}, and this smile-trace reads up to "
                f"{current}: upgrade smile-trace"
            )
        if oldest is not None and oldest <= version < current:
            return {**upgrade(document), "schema_version": current}
        if version < current:
            raise ValueError(
                f"this {noun} has schema version {version}, which no release wrote: make it again"
            )
        return document

    return model_validator(mode="before")(check)


def older_explanation(document: dict[str, JSON]) -> dict[str, JSON]:
    """Upgrade an explanation of schema version 2 (release 0.2) or 3."""
    return renamed(document, {"part": "answer_part"})


def renamed(document: dict[str, JSON], names: Mapping[str, str]) -> dict[str, JSON]:
    """The document with these fields under their new names."""
    return {names.get(name, name): value for name, value in document.items()}


def older_comparison(document: dict[str, JSON]) -> dict[str, JSON]:
    """Upgrade a comparison of schema version 3 (release 0.2) or 4. Release 0.2 did not tell open
    calls from those with an excluded effect. What mattered call by call stood with each version, as
    its `passages`."""

    def segment(held: dict[str, Any]) -> dict[str, Any]:
        influence = held.get("influence")
        against = isinstance(influence, int | float) and influence < 0
        mattered = "against" if against else "supports"
        words = {"no_effect": "excluded", "inconclusive": "open"}
        words |= dict.fromkeys(("essential", "matters"), mattered)
        verdict = held.get("verdict")
        return {**held, "verdict": words.get(verdict, verdict) if verdict else "open"}

    if document.get("schema_version") == 3:
        document = _with(document, versions=lambda version: _with(version, segments=segment))
    settings = document.get("settings")
    if isinstance(settings, dict) and "delta" in settings:
        settings = dict(settings)
        settings["smallest_effect"] = settings.pop("delta")
        document = {**document, "settings": settings}
    groups: list[JSON] = []

    def without_passages(held: dict[str, Any]) -> dict[str, Any]:
        passages = held.get("passages")
        if isinstance(passages, list) and passages:
            groups.append(_group_of_passages(held.get("label"), passages))
        return {name: value for name, value in held.items() if name != "passages"}

    document = _with(document, versions=without_passages)
    if groups:
        day = document.get("compared_at") or ""
        name = document.get("prompt")
        document["mattered"] = {"since": day, "until": day, "name": name, "groups": groups}
    return document


def _group_of_passages(label: JSON, passages: list[JSON]) -> JSON:
    def part(passage: JSON) -> JSON:
        held = passage if isinstance(passage, dict) else {}
        names = ("calls", "mattered", "against", "open")
        counts = [held.get(name, 0) for name in names]
        if not all(type(count) is int and count >= 0 for count in counts):
            return held  # to be refused
        calls, supported, against, still_open = counts
        if "open" not in held:
            still_open = max(calls - supported - against, 0)
        known, mattered = calls - still_open, supported + against
        low, high = wilson(min(mattered, known), max(known, 0), 0.9)
        share = {"count": mattered, "of": known, "open": still_open, "low": low, "high": high}
        unit = held.get("unit")
        kinds = ("variable", "document", "tool_result", "tool", "turn", "message")
        return {
            "kind": unit if unit in kinds else "instruction",
            "name": held.get("text"),
            "mattered": share | {"share": mattered / known if known else 0.0},
            "against": against,
            "measured": calls,
            **{name: held.get(name) for name in ("attribution", "ci_low", "ci_high")},
        }

    return {"kind": "prompt", "name": f"version {label}", "parts": [part(p) for p in passages]}


def _with(
    document: dict[str, Any], **changes: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Change each object of these lists; anything else stays, to be refused later."""
    changed = {
        name: [change(one) if isinstance(one, dict) else one for one in held]
        for name, change in changes.items()
        if isinstance(held := document.get(name), list)
    }
    return {**document, **changed}


_FIRST_NAMES = {"protect": "freeze", "answer_part": "part"}
_HASHED_ALWAYS = ("model", "unit", "protect", "budget", "signal", "proxy", "seed", "pooled")
_HASHED_LATER = ("distance", "answer_part", "pattern", "smallest_effect", "until_settled")


def hash_settings(document: dict[str, JSON], defaults: Mapping[str, JSON]) -> str:
    """Return the hash of ExplanationSettings (16 hex digits), the same in every release. Jobs,
    their budgets and the engine's workflows are named by it in every store. So it is made of the
    fields' first names in their first order, and a field added later counts only if it differs from
    what was done before there was a choice."""
    before = {**defaults, "distance": "words"}
    added = [*_HASHED_LATER, *(name for name in document if name not in _HASHED_LATER)]
    counted = [name for name in added if name not in _HASHED_ALWAYS]
    hashed = {name: document[name] for name in _HASHED_ALWAYS}
    hashed |= {name: document[name] for name in counted if document[name] != before[name]}
    hashed = renamed(hashed, _FIRST_NAMES)
    text = json.dumps(hashed, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

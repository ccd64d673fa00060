"""What keeps records readable from one release to the next: their versions, and the hash that
names settings.

Release 0.2 is the first. Its explanations (schema version 2) lack nothing that cannot be told from
the rest of them; its comparisons (3) say in other words what may be said of a part.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from smile_trace.records.base import JSON
from smile_trace.records.verdicts import SMALLEST_EFFECT


def check_version(
    document: JSON,
    current: int,
    noun: str,
    *,
    oldest: int | None = None,
    upgrade: Callable[[dict[str, JSON]], dict[str, JSON]] = dict,
) -> JSON:
    """The document (decoded JSON) as one of the current `schema_version`; with `oldest`, also one
    of a version since that, after its `upgrade`.

    Raises:
        ValueError: it is of another one; the message says what to do.
    """
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


def comparison_of_0_2(document: dict[str, JSON]) -> dict[str, JSON]:
    """A comparison of release 0.2 in today's words. Which calls it left open it did not tell from
    those in which it excluded an effect."""

    def version(held: dict[str, Any]) -> dict[str, Any]:
        return _with(held, segments=segment, passages=passage)

    def segment(held: dict[str, Any]) -> dict[str, Any]:
        influence = held.get("influence")
        against = isinstance(influence, int | float) and influence < 0
        mattered = "against" if against else "supports"
        words = {"no_effect": "excluded", "inconclusive": "open"}
        words |= dict.fromkeys(("essential", "matters"), mattered)
        said = held.get("verdict")
        return {**held, "verdict": words.get(said, said) if isinstance(said, str) else "open"}

    def passage(held: dict[str, Any]) -> dict[str, Any]:
        counts = [held.get(name) for name in ("calls", "mattered", "against")]
        calls, *sure = [count if isinstance(count, int) else 0 for count in counts]
        return {**held, "open": calls - sum(sure)}

    settings = document.get("settings")
    if isinstance(settings, dict) and "delta" in settings:
        settings = dict(settings)
        settings["smallest_effect"] = settings.pop("delta")
        document = {**document, "settings": settings}
    return _with(document, versions=version)


def _with(
    document: dict[str, Any], **changes: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """The document with each object of these lists changed; what is no list of objects stays, to be
    refused."""
    changed = {
        name: [change(one) if isinstance(one, dict) else one for one in held]
        for name, change in changes.items()
        if isinstance(held := document.get(name), list)
    }
    return {**document, **changed}


def hash_settings(document: dict[str, JSON]) -> str:
    """The hash of ExplanationSettings (16 hex digits), which is the same in every release.

    Jobs, their budgets and the engine's workflows are named by it in every store. So it is made of
    the first names of the fields, and a field that was added counts only where it is not what was
    done before there was a choice.
    """
    hashed = {{"protect": "freeze"}.get(name, name): value for name, value in document.items()}
    if hashed.get("distance") == "words":
        del hashed["distance"]
    for name in ("part", "pattern", "until_settled"):
        if hashed.get(name) is None:
            hashed.pop(name, None)
    if hashed.get("smallest_effect") == SMALLEST_EFFECT:
        del hashed["smallest_effect"]
    text = json.dumps(hashed, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

"""Records that an earlier release wrote, as this release reads them.

Each function takes a document (decoded JSON) of any earlier `schema_version` and returns the
same document in the current form; one that is current already is returned as it is.
"""

import hashlib
import json

from smile_trace.records.base import JSON

_VERDICTS = {"dead": "no_effect", "critical": "essential", "undetermined": "inconclusive"}


def upgrade_call(document: JSON) -> JSON:
    """A Call: 0.1 wrote `cut`, `linked` and `unrepeatable`."""
    names = {"cut": "truncated", "linked": "external_trace", "unrepeatable": "not_repeatable"}
    return _renamed(document, names)


def upgrade_settings(document: JSON) -> JSON:
    """ExplanationSettings: 0.1 wrote `freeze`, removed words and compared by them."""
    if not isinstance(document, dict) or "freeze" not in document:
        return document
    return {"unit": "word", "distance": "words", **_renamed(document, {"freeze": "protect"})}


def hash_settings(document: JSON) -> str:
    """The hash of ExplanationSettings (16 hex digits), which stays what 0.1 computed.

    Jobs, their budgets and the engine's workflows are named by it: fields have the names of 0.1,
    and one that came later counts only where it is not what 0.1 did.
    """
    hashed = _renamed(document, {"protect": "freeze"})
    if hashed.get("distance") == "words":
        del hashed["distance"]
    for name in ("part", "pattern"):
        if hashed.get(name) is None:
            hashed.pop(name, None)
    text = json.dumps(hashed, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def upgrade_segment(document: JSON) -> JSON:
    """A SegmentAttribution: 0.1 wrote `frozen`."""
    return _renamed(document, {"frozen": "protected"})


def upgrade_explanation(document: JSON, current: int) -> JSON:
    """An Explanation: version 1 wrote the status `unreliable`.

    Raises:
        ValueError: it was written by a newer release.
    """
    if _version(document, current, "explanation") != 1:
        return document
    upgraded = {**document, "schema_version": current}
    fidelity = document.get("fidelity")
    if isinstance(fidelity, dict) and fidelity.get("status") == "unreliable":
        upgraded["fidelity"] = {**fidelity, "status": "inconclusive"}
    return upgraded


def upgrade_path(document: JSON, current: int) -> JSON:
    """An ExplanationPath: there is one version; its explanations are upgraded as they are read.

    Raises:
        ValueError: it was written by a newer release.
    """
    _version(document, current, "path")
    return document


def upgrade_entry(document: JSON, current: int) -> JSON:
    """An Entry: version 1, of `export`, had an explanation with its call and nothing else.

    Raises:
        ValueError: it was written by a newer release.
    """
    if _version(document, current, "line") == current or not isinstance(document, dict):
        return document
    return {**document, "schema_version": current}


def upgrade_profile(document: JSON, current: int) -> JSON:
    """A Profile: there is one version.

    Raises:
        ValueError: it was written by a newer release.
    """
    _version(document, current, "profile")
    return document


def upgrade_report(document: JSON, current: int) -> JSON:
    """A Report: there is one version.

    Raises:
        ValueError: it was written by a newer release.
    """
    _version(document, current, "report")
    return document


def upgrade_comparison(document: JSON, current: int) -> JSON:
    """A Comparison: version 1 had the verdicts `dead`, `critical` and `undetermined`; until version
    2 an edit was named by the segments that it changed.

    Raises:
        ValueError: it was written by a newer release.
    """
    if _version(document, current, "comparison") == current or not isinstance(document, dict):
        return document
    versions, changes = document.get("versions"), document.get("changes", ())
    if not isinstance(versions, list | tuple) or not isinstance(changes, list | tuple):
        return document
    judged = [_judged(version) for version in versions]
    return {
        **document,
        "schema_version": current,
        "versions": judged,
        "changes": [_with_edits(change, judged) for change in changes],
    }


def _judged(version: JSON) -> JSON:
    if not isinstance(version, dict) or not isinstance(version.get("segments"), list | tuple):
        return version
    return {**version, "segments": [_with_verdict(item) for item in version["segments"]]}


def _with_verdict(segment: JSON) -> JSON:
    if not isinstance(segment, dict) or not isinstance(segment.get("verdict"), str):
        return segment
    return {**segment, "verdict": _VERDICTS.get(segment["verdict"], segment["verdict"])}


def _with_edits(change: JSON, versions: list[JSON]) -> JSON:
    """Edits as texts, and their effects apart; what does not fit is left for validation."""
    try:
        edits = [_edit(effect, change, versions) for effect in change.get("edits", ())]
        effects = [
            {
                "edits": [k],
                **{name: effect[name] for name in ("distance", "ci_low", "ci_high")},
                "changed": effect.get("changed", 0),
                "share": effect.get("share") or 0.0,
                "named": effect.get("significant", False),
                "alone": effect["distance"],
            }
            for k, effect in enumerate(change.get("edits", ()))
        ]
    except (AttributeError, IndexError, KeyError, TypeError):
        return change
    return {**change, "edits": edits, "effects": effects}


def _edit(effect: JSON, change: JSON, versions: list[JSON]) -> JSON:
    items = [change["segments"][place] for place in effect["segments"]]

    def text(side: str) -> str:
        segments = versions[change[side]]["segments"]
        places = [item[side] for item in items if item.get(side) is not None]
        return " ".join(segments[place]["segment"]["text"] for place in places)

    return {"kind": items[0]["kind"], "before": text("before"), "after": text("after")}


def _version(document: JSON, current: int, noun: str) -> int:
    version = document.get("schema_version", current) if isinstance(document, dict) else current
    if type(version) is not int:
        raise ValueError(f"the schema version of this {noun} is no number")
    if version > current:
        raise ValueError(
            f"this {noun} has schema version {version}, and this smile-trace reads up to "
            f"{current}: upgrade smile-trace"
        )
    return version


def _renamed(document: JSON, names: dict[str, str]) -> JSON:
    if not isinstance(document, dict) or names.keys().isdisjoint(document):
        return document
    return {names.get(name, name): value for name, value in document.items()}

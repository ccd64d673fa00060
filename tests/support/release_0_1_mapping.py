"""From the documents of release 0.1 to those of this release: what was renamed, and nothing else.

A field is named by the end of its path: `"cost.target_calls"` is `target_calls` wherever it
stands in a `cost`; `"segments"` is every `segments`; lists have no step of their own. The path
begins with the kind of the document (`"explanation.segments"` is that of an Explanation alone).
All paths are those of release 0.1; the longest that fits counts.
"""

from typing import Any

RENAMED_FIELDS: dict[str, str] = {
    "segments.frozen": "protected",
    "coarser.frozen": "protected",
    "settings.freeze": "protect",
    "explain.freeze": "protect",
    "worker.linked_trace_seconds": "external_trace_seconds",
    "call.linked": "external_trace",
    "call.cut": "truncated",
    "call.unrepeatable": "not_repeatable",
    "status.unreliable": "inconclusive",
}
"""Path of a field to its new name."""

RENAMED_VALUES: dict[str, dict[Any, Any]] = {
    "explanation.schema_version": {1: 2},
    "comparison.schema_version": {1: 3},
    "line.schema_version": {1: 2},
    "fidelity.status": {"unreliable": "inconclusive"},
    "error.type": {"NoSuchPart": "AnswerSpanNotFound"},
    "segments.verdict": {
        "dead": "no_effect",
        "critical": "essential",
        "undetermined": "inconclusive",
    },
}
"""Path of a field to the new form of its values (each one of a list's)."""

PROVENANCE: dict[str, dict[str, Any]] = {
    "explanation": {"parameters": {}, "prompts": [], "package": None, "method": None},
    "explanation.perturbations": {"logprobs": None, "likeliest_by": None, "tokens": None},
}
"""What an Explanation is computed again from, as it is in those of release 0.1."""

ADDED_FIELDS: dict[str, dict[str, Any]] = {
    "comparison.versions": {"passages": [], "probes": []},
    "comparison.changes": {"probes": []},
    "explanation": {
        "notes": [],
        "fields": [],
        "documents": [],
        **PROVENANCE["explanation"],
    },
    "explanation.perturbations": PROVENANCE["explanation.perturbations"],
    "line": {
        "path": None,
        "comparison": None,
        "stripped": False,
        "redaction": None,
        "licence": None,
        "author": None,
        "tags": [],
    },
    "explanation.fidelity": {"reproduced": True},
    "explanation.settings": {"distance": "words", "part": None, "pattern": None},
    "settings.explain": {"distance": "layers", "some": {}, "part": None, "path": False},
    "explanation.segments": {"fails_without": False, "title": None},
    "explanation.coarser": {"fails_without": False, "title": None},
    "status": {"partial": 0, "sources": []},
    "replay.call": {
        "prompt_assumed": False,
        "tool_calls": [],
        "documents": [],
        "dialect": None,
        "inclusion_probability": 1.0,
    },
    "line.call": {
        "prompt_assumed": False,
        "tool_calls": [],
        "documents": [],
        "dialect": None,
        "inclusion_probability": 1.0,
    },
}
"""Path of an object to the fields that came since, as they are where nothing asks for them."""

RENAMED_PHRASES: dict[str, str] = {
    "undetermined at this budget": "inconclusive at this budget",
    "frozen": "protected",
    "freeze less": "protect less",
    "hangs on": "depends on",
    "was left out of": "was removed from",
    "never left out": "never removed",
    "of the prompt is left out": "of the prompt is removed",
    "there is nothing to leave out": "there is nothing to remove",
}
"""What sentences say now in place of what they said, in this order."""

SENTENCES = frozenset(
    (
        "error.message",
        "summary",
        "reason",
        "dropped",
        "replay.verdict",
        "why_no_answers",
        "why_no_edits",
        "why_no_influences",
    )
)
"""Fields that hold our own sentences; nothing else has its words replaced."""

OPAQUE = frozenset(("drops", "links", "metadata", "parameters", "tags", "variables"))
"""Fields whose own keys are the user's words or numbers: what is inside stays as it is."""


def upgrade(document: Any, kind: str = "explanation", *, said_anew: bool = True) -> Any:
    """The document as this release writes it.

    Args:
        document: JSON of release 0.1.
        kind: what it is, which begins its paths.
        said_anew: whether this release made its sentences; those that 0.1 stored stay.
    """
    return _upgraded(document, (kind,), RENAMED_PHRASES if said_anew else {})


def completed(document: Any, *path: str) -> Any:
    """A document that a later release wrote, with the fields that came since."""
    if isinstance(document, list):
        return [completed(item, *path) for item in document]
    if not isinstance(document, dict):
        return document
    found = {
        name: inside if name in OPAQUE else completed(inside, *path, name)
        for name, inside in document.items()
    }
    return find(ADDED_FIELDS, path, {}) | found


def _upgraded(value: Any, path: tuple[str, ...], phrases: dict[str, str]) -> Any:
    if isinstance(value, dict):
        renamed = {
            find(RENAMED_FIELDS, (*path, name), name): (
                inside if name in OPAQUE else _upgraded(inside, (*path, name), phrases)
            )
            for name, inside in value.items()
        }
        return renamed | find(ADDED_FIELDS, path, {})
    if isinstance(value, list):
        return [_upgraded(item, path, phrases) for item in value]
    if isinstance(value, str | int):
        value = find(RENAMED_VALUES, path, {}).get(value, value)
    if isinstance(value, str) and find(dict.fromkeys(SENTENCES, True), path, False):
        for before, after in phrases.items():
            value = value.replace(before, after)
    return value


def find(table: dict[str, Any], path: tuple[str, ...], otherwise: Any) -> Any:
    """What the longest end of `path` stands for in `table`."""
    for first in range(len(path)):
        if (name := ".".join(path[first:])) in table:
            return table[name]
    return otherwise

"""What keeps records readable from one release to the next: their versions, and the hash that
names settings.

Release 0.2 is the first. Its explanations (schema version 2) lack nothing that cannot be told from
the rest of them.
"""

import hashlib
import json

from smile_trace.records.base import JSON


def check_version(document: JSON, current: int, noun: str, *, oldest: int | None = None) -> JSON:
    """The document (decoded JSON) as one of the current `schema_version`; with `oldest`, also one
    of a version since that.

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
        return {**document, "schema_version": current}
    if version < current:
        raise ValueError(
            f"this {noun} has schema version {version}, which no release wrote: make it again"
        )
    return document


def hash_settings(document: dict[str, JSON]) -> str:
    """The hash of ExplanationSettings (16 hex digits), which is the same in every release.

    Jobs, their budgets and the engine's workflows are named by it in every store. So it is made of
    the first names of the fields, and a field that was added counts only where it is not what was
    done before there was a choice.
    """
    hashed = {{"protect": "freeze"}.get(name, name): value for name, value in document.items()}
    if hashed.get("distance") == "words":
        del hashed["distance"]
    for name in ("part", "pattern"):
        if hashed.get(name) is None:
            hashed.pop(name, None)
    text = json.dumps(hashed, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

"""What it takes to reproduce an entry, as names and values for its page."""

from smile_trace.records import Explanation
from smile_trace.records.comparison import Comparison
from smile_trace.records.entry import Entry, Redaction, canonical
from smile_trace.render.text import short

_LONGEST = 400
_SOLVED = {"text": "the answers' texts", "probability": "the probability of the given answer"}


def facts_of(entry: Entry) -> list[tuple[str, str]]:
    """Names and values, what is unknown left out; values are plain text."""
    found = entry.found
    if isinstance(found, Comparison):
        facts = [("seed", str(found.settings.seed)), ("compared", found.compared_at or "")]
    else:
        facts = _of_explanation(entry.explanations[0])
    facts += [
        ("licence", entry.licence or ""),
        ("author", entry.author or ""),
        ("tags", ", ".join(entry.tags)),
        ("redaction", _redaction(entry.redaction)),
    ]
    return [(name, short(value, _LONGEST)) for name, value in facts if value]


def _of_explanation(explanation: Explanation) -> list[tuple[str, str]]:
    settings = explanation.settings
    protected = ", ".join(settings.protect)
    return [
        ("model", settings.model),
        ("asked", explanation.explained_at or ""),
        ("parameters", canonical(explanation.parameters) if explanation.parameters else ""),
        ("proxy", settings.proxy or ""),
        ("compared by", _SOLVED[explanation.signal]),
        ("distance", settings.distance if explanation.signal == "text" else ""),
        ("unit", settings.unit if settings.pattern is None else f"/{settings.pattern}/"),
        ("protected", protected),
        ("part of the answer", settings.part or ""),
        ("budget", f"{settings.budget} calls"),
        ("seed", str(settings.seed)),
        ("smile-trace", _release(explanation)),
        ("perturbations", f"{len(explanation.perturbations)} with their responses"),
    ]


def _release(explanation: Explanation) -> str:
    method = "" if explanation.method is None else f"method {explanation.method}"
    return ", ".join(part for part in (explanation.package or "", method) if part)


def _redaction(redaction: Redaction | None) -> str:
    if redaction is None:
        return ""
    kinds = [f"{count} × {kind}" for kind, count in sorted(redaction.replaced.items())]
    reviewed = f"reviewed by {redaction.reviewed_by}" if redaction.reviewed_by else "not reviewed"
    return "; ".join([", ".join(kinds) or "nothing was replaced", reviewed])

"""Which tool would have been called instead, and how often, in a sentence."""

from collections import Counter
from collections.abc import Sequence

from smile_trace._guards.presentable import presentable
from smile_trace._text.lists import listed
from smile_trace.records import JSON, Explanation
from smile_trace.records.formats.answers import Called, read_tool_calls

_MOST_NAMED = 3


def tools_instead(explanation: Explanation, parameters: dict[str, JSON]) -> str | None:
    """What was called in place of the logged tools where parts of the prompt were removed; None
    for an answer that is no call of a tool.

    "Of 38 perturbed requests, 12 called no tool and 3 cancel_order instead of get_order."
    """
    logged = read_tool_calls(explanation.answer)
    if logged is None:
        return None
    rows = [row for row in explanation.perturbations if row.kind != "baseline"]
    answers = [read_tool_calls(row.response) for row in rows if row.response is not None]
    if not answers:
        return None
    wanted = _names(logged)
    others = Counter(_names(calls) for calls in answers if _names(calls) != wanted)
    total = f"{len(answers)} perturbed requests"
    if not others:
        offered = len(parameters["tools"]) if isinstance(parameters.get("tools"), list) else 0
        more = f": none of the {offered} tools offered took its place" if offered > 1 else ""
        return f"In all {total} {_listed(wanted)} was called{more}."
    named = others.most_common(_MOST_NAMED)
    said = [f"{count} called {_listed(names) or 'no tool'}" for names, count in named]
    if rest := sum(others.values()) - sum(count for _, count in named):
        said.append(f"{rest} called others")
    return f"Of {total}, {listed(said)} instead of {_listed(wanted)}."


def _names(calls: Sequence[Called] | None) -> tuple[str, ...]:
    return tuple(sorted(call.name for call in calls or ()))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(presentable(name, longest=60) for name in names)

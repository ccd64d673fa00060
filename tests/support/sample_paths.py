"""A made-up path of two steps, with every kind of end."""

from smile_trace.records import Cost, Explanation, Message
from smile_trace.records.path import ExplanationPath, PathStep, Source
from smile_trace_contracts.samples import sample_explanation, sample_trace


def _explained(text: str) -> Explanation:
    [call] = sample_trace().calls
    asked = call.model_copy(update={"messages": (Message(role="user", content=text),)})
    return sample_explanation(asked)


def sample_path(text: str = "it is due on Friday", name: str = "get_order") -> ExplanationPath:
    """Its driver is the last word of `text`; `name` is that of every tool, call and document."""
    explanation = _explained(text)
    [driver] = explanation.drivers
    why = f"that call is not explained: {name}"
    sources = (
        Source(kind="tool_result", name=name, drivers=(driver,), step=1),
        Source(kind="output", name=name, drivers=(driver,), step=1),
        Source(kind="tool_result", name=name, drivers=(driver,), not_followed=why),
        Source(kind="document", name=name, drivers=(driver,)),
    )
    ends = (Source(kind="message", name="user", drivers=(driver,)),)
    return ExplanationPath(
        trace_id="1" * 32,
        steps=(
            PathStep(call="1:1", name=name, explanation=explanation, sources=sources),
            PathStep(call="1:2", name=name, depth=1, explanation=explanation, sources=ends),
        ),
        summary=f"It depends on {text}.",
        budget=120,
        cost=Cost(target_calls=80),
    )

"""What a reader has to know beside an explanation: what is not known of the request."""

from smile_trace.errors import ReasonCode
from smile_trace.explaining.refusals import refusals
from smile_trace.explaining.tools_instead import tools_instead
from smile_trace.models import Model
from smile_trace.records import Explanation, Note, Prompted

PROMPT_ASSUMED = Note(
    code=ReasonCode.PROMPT_ASSUMED,
    text=(
        "The prompt is the function's argument: what the function adds to it, and the parameters "
        "of its request, are not known. record() in the function, or instrument() for its client, "
        "tells them."
    ),
)

FORM_CHANGED = Note(
    code=ReasonCode.FORM_CHANGED,
    text=(
        "The call was made with OpenAI's Responses API, and asked again in another one, in which "
        "the model may answer otherwise."
    ),
)


def with_notes(explanation: Explanation, prompted: Prompted, model: Model) -> Explanation:
    """The explanation with its notes, which end its summary, too."""
    notes = explanation.notes
    if prompted.assumed and not model.capabilities.calls_function:
        notes = (*notes, PROMPT_ASSUMED)
    asked = model.capabilities
    if prompted.form == "responses" and not (asked.asks_responses or asked.calls_function):
        notes = (*notes, FORM_CHANGED)
    more = (tools_instead(explanation, prompted.parameters), refusals(explanation))
    said = [explanation.summary, *(sentence for sentence in more if sentence is not None)]
    summary = " ".join([*said, *(note.text for note in notes)])
    return explanation.model_copy(update={"notes": notes, "summary": summary})

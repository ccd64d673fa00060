"""smile-trace: why did the model say that? The public surface; heavy names load on first use."""

from typing import TYPE_CHECKING, Any

from smile_trace._text.prompts import Prompt
from smile_trace.capture.api import current_trace_id, feedback, record, span, trace
from smile_trace.capture.runtime import configure
from smile_trace.errors import SmileTraceError

if TYPE_CHECKING:
    from smile_trace.attribution.answer_change import AnswerChange as AnswerChange
    from smile_trace.capture.instrument import instrument as instrument
    from smile_trace.capture.instrument import span_processor as span_processor
    from smile_trace.comparison import compare as compare
    from smile_trace.comparison import replay as replay
    from smile_trace.explaining import explain as explain
    from smile_trace.explaining import explain_path as explain_path
    from smile_trace.explaining.api import answer_change as answer_change
    from smile_trace.explaining.api import answer_change_details as answer_change_details
    from smile_trace.probes import probe as probe
    from smile_trace.probes import profile as profile
    from smile_trace.records import Explanation as Explanation
    from smile_trace.records.comparison import Comparison as Comparison
    from smile_trace.records.path import ExplanationPath as ExplanationPath
    from smile_trace.records.profile import Profile as Profile
    from smile_trace.records.suggestion import Suggestions as Suggestions
    from smile_trace.suggesting import suggest as suggest

__all__ = [
    "AnswerChange",
    "Comparison",
    "Explanation",
    "ExplanationPath",
    "Profile",
    "Prompt",
    "SmileTraceError",
    "Suggestions",
    "answer_change",
    "answer_change_details",
    "compare",
    "configure",
    "current_trace_id",
    "explain",
    "explain_path",
    "feedback",
    "instrument",
    "probe",
    "profile",
    "record",
    "replay",
    "span",
    "span_processor",
    "suggest",
    "trace",
]

_LAZY = {
    "AnswerChange": "smile_trace.attribution.answer_change",
    "answer_change": "smile_trace.explaining.api",
    "answer_change_details": "smile_trace.explaining.api",
    "Comparison": "smile_trace.records.comparison",
    "Explanation": "smile_trace.records",
    "ExplanationPath": "smile_trace.records.path",
    "compare": "smile_trace.comparison",
    "explain": "smile_trace.explaining",
    "explain_path": "smile_trace.explaining",
    "instrument": "smile_trace.capture.instrument",
    "Profile": "smile_trace.records.profile",
    "probe": "smile_trace.probes",
    "profile": "smile_trace.probes",
    "replay": "smile_trace.comparison",
    "Suggestions": "smile_trace.records.suggestion",
    "span_processor": "smile_trace.capture.instrument",
    "suggest": "smile_trace.suggesting",
}


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from smile_trace.errors import needing_extra

    with needing_extra("worker", f"smile_trace.{name}"):
        return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return __all__

"""OpenLIT: the GenAI conventions, with values for what nobody asked for. Source: openlit 1.45,
`instrumentation/openai/utils.py`."""

from collections.abc import Mapping
from typing import ClassVar

from smile_trace.dialects.call import call_of
from smile_trace.dialects.kinds import gen_ai
from smile_trace.records import JSON, Call, Span

_INVENTED: dict[str, JSON] = {
    "temperature": 1,
    "top_p": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "seed": 0,
    "n": 1,
}


class OpenLIT:
    """A call is what the conventions say, in a span of OpenLIT's."""

    name: ClassVar[str] = "openlit"
    content_switches: ClassVar[Mapping[str, str]] = {
        "openlit": "say openlit.init(capture_message_content=True)"
    }

    def recognises(self, span: Span) -> bool:
        sdk = span.attributes.get("telemetry.sdk.name")
        return "openlit" in (sdk, *span.scope.split(".")) and gen_ai.GenAI().recognises(span)

    def read_call(self, span: Span) -> Call:
        """The call, without invented values."""
        content = gen_ai.read(span)
        content.invented = _INVENTED
        return call_of(span, self.name, content)

"""The attribute names that capture writes and the dialects read, and the package's own names.

All `gen_ai.*` names are still in "Development" upstream, so only this module knows them
(OpenTelemetry semantic conventions for generative AI; `llm.prompt_template.*` from OpenInference;
`smile_trace.*` is ours). Structured values travel as JSON strings.
"""

from functools import cache
from typing import Final

# -- the call as it was sent ------------------------------------------------------------------
OPERATION_NAME: Final = "gen_ai.operation.name"  # "chat" | "text_completion"
CHOICE_EVENT: Final = "gen_ai.choice"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_PREFIX: Final = "gen_ai.request."
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
OPENAI_API_TYPE: Final = "openai.api.type"  # "chat_completions" | "responses"
RESPONSES: Final = "responses"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"

# -- the response -----------------------------------------------------------------------------
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
ERROR_TYPE: Final = "error.type"

# -- session and user -------------------------------------------------------------------------
CONVERSATION_ID: Final = "gen_ai.conversation.id"
SESSION_ID: Final = "session.id"
USER_ID: Final = "user.id"

# -- the prompt template ----------------------------------------------------------------------
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
TEMPLATE: Final = "llm.prompt_template.template"
TEMPLATE_VARIABLES: Final = "llm.prompt_template.variables"
TEMPLATE_VERSION: Final = "llm.prompt_template.version"

# -- smile_trace ------------------------------------------------------------------------------
SCOPE: Final = "smile_trace"
"""The instrumentation scope of what capture writes."""
KIND: Final = "smile_trace.kind"
"""`"call"` (holds messages, may be explained), `"context"` (around calls) or `"feedback"`;
`"explanation"` or `"review"` in deliveries to trackers; `WORK` in the worker's own traces."""
WORK: Final = "work"
NAME: Final = "smile_trace.name"
"""The decorated function's name; a call's span is named after the operation and model."""
STATUS: Final = "smile_trace.status"
"""`"returned" | "raised" | "cancelled" | "abandoned"`."""
PROMPT_ASSUMED: Final = "smile_trace.prompt_assumed"
"""True if the messages are the function's argument, and nothing recorded what was sent."""
PROMPTS: Final = "smile_trace.prompts"
"""JSON list of `records.PromptUse`: every `Prompt` rendering found verbatim in what was sent."""
PARAMETERS: Final = "smile_trace.parameters"
"""JSON object: request parameters without a gen_ai name."""
RERUN: Final = "smile_trace.rerun"
"""`"module:qualified.name"` of a function decorated with `rerun=True`."""
RERUN_ARGUMENTS: Final = "smile_trace.rerun.arguments"
"""JSON object `{"prompt": <parameter name>, "arguments": {...}}`: how a rerun calls it."""
TAGS: Final = "smile_trace.tags"
METADATA: Final = "smile_trace.metadata"
INPUT: Final = "smile_trace.input"
"""JSON: arguments of a context span."""
OUTPUT: Final = "smile_trace.output"
"""JSON: result of a context span."""
TRUNCATED: Final = "smile_trace.truncated"
"""True if a text was truncated at the size limit; such a call is never explained."""
NO_CONTENT: Final = "smile_trace.no_content"
"""Why no answer was captured, e.g. `"stream, content not captured"`."""
INCLUSION_PROBABILITY: Final = "smile_trace.inclusion_probability"
"""The probability with which a shipper sent the span's trace; 1 if missing."""
REDACTED: Final = "smile_trace.redacted"
"""How many secrets were replaced before writing."""
FIRST_CHUNK_SECONDS: Final = "smile_trace.first_chunk_seconds"
EXTERNAL_PREFIX: Final = "smile_trace.external."
"""`<prefix><system>.trace_id` and `.span_id`: the application's own traces, per system."""
EXTERNAL_OTEL_TRACE: Final = "smile_trace.external.otel.trace_id"
EXTERNAL_OTEL_SPAN: Final = "smile_trace.external.otel.span_id"
FEEDBACK_TRACE: Final = "smile_trace.feedback.trace_id"
FEEDBACK_NAME: Final = "smile_trace.feedback.name"
FEEDBACK_SCORE: Final = "smile_trace.feedback.score"
FEEDBACK_COMMENT: Final = "smile_trace.feedback.comment"

# -- the package itself -----------------------------------------------------------------------
PREFIX = "SMILE_TRACE_"
"""The prefix of the environment's variables."""

HOME = "~/.smile-trace"
"""The home, unless SMILE_TRACE_HOME names another."""


@cache
def release() -> str | None:
    """The installed release; None in a checkout that is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("smile-trace")
    except PackageNotFoundError:
        return None

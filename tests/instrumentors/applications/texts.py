"""What every application asks about."""

SYSTEM = "You are the support assistant of Acme Kettles. Answer in one sentence."
QUESTION = "How long is the warranty of my kettle?"
WARRANTY = "The warranty of the kettle lasts 24 months from the day of purchase."
RETURNS = "Returns are accepted within 30 days in the original box."
NUMBERED = f"[1] {WARRANTY}\n[2] {RETURNS}"
CONTEXT = f"Context:\n{NUMBERED}\n\nQuestion: {QUESTION}"
TEMPLATE = "Context:\n{context}\n\nQuestion: {question}"
MODEL = "gpt-4o-mini"

PARAMETERS = {
    "type": "object",
    "properties": {"product": {"type": "string"}},
    "required": ["product"],
}
FUNCTION = {
    "name": "look_up_warranty",
    "description": "Looks up a warranty.",
    "parameters": PARAMETERS,
}
TOOL = {"type": "function", "function": FUNCTION}
RESULT = '{"months": 24}'
PICTURE = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {
    "type": "object",
    "properties": {"months": {"type": ["integer", "null"]}},
    "required": ["months"],
    "additionalProperties": False,
}

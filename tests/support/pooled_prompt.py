"""A call of a prompt whose template is pooled."""

from smile_trace.records import Message, Prompted, PromptUse, VariableSpan

TEMPLATE = "Be kind.\nBe brief.\nName one city.\nDo not guess.\nQuestion: {question}\nAnswer:"


def prompted_with(question: str) -> Prompted:
    """The call whose variable is `question`, not yet asked."""
    text = TEMPLATE.replace("{question}", question)
    start = text.index(question)
    use = PromptUse(
        name="p",
        version="1",
        template=TEMPLATE,
        variables={"question": question},
        message=1,
        start=3,
        end=3 + len(text),
        variable_spans=(
            VariableSpan(name="question", start=3 + start, end=3 + start + len(question)),
        ),
    )
    messages = (Message(role="system", content="sys"), Message(role="user", content=f">> {text}"))
    return Prompted(messages=messages, answer="Paris is it.", prompts=(use,))

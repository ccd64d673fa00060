"""The same inputs through several templates: what each would have answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smile_trace.comparison.answers import Paired
from smile_trace.comparison.segments import VARIABLE
from smile_trace.models import Model, Request
from smile_trace.records import Call, Message, PromptUse


@dataclass(frozen=True)
class Input:
    """One logged call whose variables are replayed."""

    call: Call
    use: PromptUse

    def messages(self, template: str) -> tuple[Message, ...]:
        """What this call would have sent with another template in the same place."""
        text = render(template, self.use.variables)
        messages = list(self.call.messages)
        content = messages[self.use.message].content
        replaced = content[: self.use.start] + text + content[self.use.end :]
        message = messages[self.use.message].model_copy(update={"content": replaced})
        messages[self.use.message] = message
        return tuple(messages)


def render(template: str, variables: Mapping[str, str]) -> str:
    """The template with its variables filled in; values are not formats.

    Raises:
        KeyError: a variable of the template has no value.
    """
    return VARIABLE.sub(lambda match: variables[match.group(1)], template)


def choose_inputs(
    traffic: Sequence[Call],
    prompt: str,
    templates: Sequence[str],
    most: int,
    generator: np.random.Generator,
) -> list[Input]:
    """A random sample of logged calls whose variables fill every template, each input once."""
    wanted = {name for template in templates for name in VARIABLE.findall(template)}
    found: dict[tuple[object, ...], Input] = {}
    for call in traffic:
        use = next((use for use in call.prompts if use.name == prompt), None)
        if use is None or not wanted <= use.variables.keys() or call.truncated:
            continue
        content = call.messages[use.message].content
        around = content[: use.start], content[use.end :]
        key = (tuple(sorted(use.variables.items())), around, len(call.messages))
        found.setdefault(key, Input(call, use))
    inputs = list(found.values())
    if len(inputs) <= most:
        return inputs
    chosen = generator.choice(len(inputs), most, replace=False)
    return [inputs[k] for k in sorted(chosen)]


async def ask_all(
    model: Model, inputs: Sequence[Input], templates: Sequence[str], replicates: int
) -> list[list[list[str | None]]]:
    """Answers by template, input and replicate; None where a request failed.

    Raises:
        ModelUnavailable: the model cannot be asked at all.
        BudgetExceeded: a cap is reached.
    """
    requests = [
        Request(
            messages=item.messages(template),
            form=item.call.form,
            parameters=item.call.parameters,
            replicate=replicate,
        )
        for template in templates
        for item in inputs
        for replicate in range(replicates)
    ]
    answers = iter([r.text if r.ok else None for r in await model.generate(requests)])
    return [[[next(answers) for _ in range(replicates)] for _ in inputs] for _ in templates]


def paired(before: Sequence[str | None], after: Sequence[str | None]) -> Paired | None:
    """One input's answers; None where any is missing. One answer that repeats stands for two."""
    known_before = [answer for answer in before if answer is not None]
    known_after = [answer for answer in after if answer is not None]
    if len(known_before) < len(before) or len(known_after) < len(after):
        return None
    return Paired((known_before[0], known_before[-1]), (known_after[0], known_after[-1]))

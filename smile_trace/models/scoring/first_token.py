"""The probability that an answer begins as given, from a server's top log-probabilities."""

import math
from collections.abc import Iterator
from typing import Any

from smile_trace.models.items import Read
from smile_trace.models.openai_api.wire import log_probability
from smile_trace.records import JSON, Form, Response

TOP = {"chat": 20, "completion": 5, "responses": 20}
"""The most alternatives that OpenAI's APIs return."""


def extra(form: Form) -> dict[str, JSON]:
    """The fields of a body that ask for each token's likeliest alternatives."""
    if form == "chat":
        return {"logprobs": True, "top_logprobs": TOP[form]}
    if form == "responses":
        return {"top_logprobs": TOP[form], "include": ["message.output_text.logprobs"]}
    return {"logprobs": TOP[form]}


def read(answer: str) -> Read:
    """Reads a response as the log-probability that the first token agrees with `answer`.

    The probabilities of all listed tokens that begin the answer are summed, leading white space
    ignored. Where none does, that of the least likely listed token is an upper bound.
    """
    wanted = answer.lstrip()

    def score(response: Response, choice: dict[str, JSON]) -> Response:
        found = _alternatives(choice.get("logprobs"))
        listed = {token: logprob for token, logprob in found if math.isfinite(logprob)}
        if not listed:
            failure = 'the server gives no log-probabilities: use the signal "text"'
            return Response(failure=failure, usage=response.usage)
        agreeing = [
            logprob
            for token, logprob in listed.items()
            if token.strip() and wanted.startswith(token.lstrip())
        ]
        if agreeing:
            logprob = math.log(min(1.0, sum(math.exp(each) for each in agreeing)))
        else:
            logprob = min(listed.values())
        update = {"text": answer, "tokens": (wanted[:1],), "logprobs": (logprob,)}
        return response.model_copy(update=update)

    return score


def _alternatives(logprobs: Any) -> Iterator[tuple[str, float]]:
    """Tokens and log-probabilities at the first position, in the chat or the completion layout."""
    if not isinstance(logprobs, dict):
        return
    content = logprobs.get("content")
    if content:
        for item in (content[0], *(content[0].get("top_logprobs") or ())):
            yield item["token"], log_probability(item["logprob"])
    elif logprobs.get("top_logprobs"):
        for token, logprob in logprobs["top_logprobs"][0].items():
            yield token, log_probability(logprob)

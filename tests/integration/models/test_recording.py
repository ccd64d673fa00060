"""What the tests replay is what the packaged models say, and nothing else is answered."""

import asyncio
import json
import os
from collections import defaultdict
from typing import Any

import pytest

from smile_trace.models import ModelUnavailable, Request
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.models.packaged import chat_model_path
from smile_trace.records import Message
from tests.support.replaying import xllamacpp as replaying

pytestmark = pytest.mark.model

CLOSE = 0.06
"""Log-probabilities may differ by that much on average, and with them one text in fifty: what the
base model computes beside a prompt changes its last digits (by 0.03 on average, once by 0.44)."""


def recorded() -> dict[str, list[replaying.Entry]]:
    """What was recorded, by the server that said it."""
    found = defaultdict(list)
    for entry in replaying.read():
        found[entry["model"]].append(entry)
    return found


def server(model: str) -> LocalModel:
    """The real server that a recording names."""
    file, context, *_ = model.replace("/", " ").split()
    name = "demo" if file == chat_model_path().name else "demo-completion"
    settings = LocalSettings(kind="local", packaged=name, context_tokens=int(context))
    return LocalModel(name, settings)


def said(reply: Any) -> list[str]:
    """Every text of a reply; of a stream, what its pieces say."""
    if isinstance(reply, str):
        pieces = [line.removeprefix("data: ") for line in reply.splitlines() if line]
        return ["".join(text for one in pieces if one[0] == "{" for text in said(json.loads(one)))]
    if isinstance(reply, dict):
        wanted = ("content", "text", "prompt")
        own = [one for name in wanted if isinstance(one := reply.get(name), str)]
        inner = ("choices", "message", "delta")
        return own + [text for name in inner if name in reply for text in said(reply[name])]
    return [text for one in reply for text in said(one)] if isinstance(reply, list) else []


def scores(reply: Any) -> list[float]:
    """The log-probabilities of a reply's own tokens."""
    steps = reply.get("completion_probabilities", []) if isinstance(reply, dict) else []
    return [step["logprob"] for step in steps]


@pytest.mark.slow
@pytest.mark.parametrize("model", sorted(recorded()))
def test_the_model_says_what_was_recorded(model: str) -> None:
    asked = server(model)
    address = asked.start().removesuffix("/v1")
    other, apart = [], []
    entries = recorded()[model]
    for entry in entries:
        body = entry["body"]
        status, media_type, reply = replaying.forwarded(address + entry["path"], body)
        assert (status, media_type) == (entry["status"], entry["type"]), body
        if status != 200 or (body or {}).get("temperature") != 0:
            continue
        now = replaying.decoded(media_type, reply)
        pairs = zip(scores(now), scores(entry["reply"]), strict=True)
        apart += [abs(one - before) for one, before in pairs]
        if said(now) != said(entry["reply"]):
            other.append((body, said(entry["reply"]), said(now)))
    asked.close()
    assert len(other) <= 0.02 * len(entries), other
    assert sum(apart) <= CLOSE * len(apart)


@pytest.mark.skipif(replaying.RECORD in os.environ, reason="what is asked now is recorded")
def test_what_was_not_recorded_is_refused_with_what_to_do(chat_model: LocalModel) -> None:
    request = Request(messages=(Message(role="user", content="Nobody asked this."),), form="chat")
    with pytest.raises(ModelUnavailable, match="make record"):
        asyncio.run(chat_model.generate([request]))

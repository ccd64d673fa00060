"""Replies of a server of embeddings: vectors, or the model is unavailable."""

import json
from typing import Any

import numpy as np

from smile_trace._guards import foreign
from smile_trace._guards.foreign import ForeignDataError
from smile_trace.models import ModelUnavailable
from smile_trace.models.embeddings import Embeddings
from smile_trace.models.kinds.endpoint import EndpointSettings
from tests.support.readers.base import ForeignReader, decoded_reply

_SETTINGS = EndpointSettings(base_url="http://127.0.0.1:9/v1", retries=0)


class _Answered(Embeddings):
    """Embeddings whose server has answered."""

    reply: Any = None

    async def _post(self, texts: list[str]) -> Any:
        return self.reply


def _read(data: bytes) -> None:
    try:
        reply = foreign.clean(decoded_reply(data))
    except ForeignDataError:
        return
    embed = _Answered("e", _SETTINGS)
    embed.reply = reply
    try:
        vectors = embed(["a", " ", "b"])
    except ModelUnavailable:
        return
    assert vectors.shape[0] == 3
    assert np.isfinite(vectors).all()
    assert (embed(["b", "a"]) == vectors[[2, 0]]).all()


def _seeds() -> list[bytes]:
    data = [{"index": index, "embedding": [0.5, -1, 2e-3]} for index in range(2)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return [json.dumps({"object": "list", "data": data, "usage": usage}).encode()]


EMBEDDINGS_REPLIES = ForeignReader("embeddings replies", _read, _seeds)

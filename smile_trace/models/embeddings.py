"""Word vectors from an OpenAI-compatible `/v1/embeddings`, in place of the packaged ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import openai
from numpy.typing import NDArray

from smile_trace.models.base import ModelUnavailable
from smile_trace.models.endpoint import read_key
from smile_trace.settings import EndpointSettings

BATCH = 256
"""Texts per request; OpenAI takes 2,048."""


class Embeddings:
    """Texts to vectors, each distinct text asked once in this object's life.

    A study calls it in its thinking thread, so it waits. Same texts, same vectors: a study
    that is repeated with the same object comes out the same.

    Args:
        name: what the settings call the model.
        settings: where it is.

    Raises:
        ModelUnavailable: the settings name a key's variable that is not set.
    """

    def __init__(self, name: str, settings: EndpointSettings) -> None:
        self._name = name
        self._settings = settings
        self._known: dict[str, NDArray[np.float64]] = {}
        key = read_key(settings.api_key_env, name)
        self._headers = {} if key else {"Authorization": openai.Omit()}
        self._client = openai.OpenAI(
            api_key=key or "none",
            base_url=settings.base_url,
            timeout=settings.timeout_seconds,
            max_retries=settings.retries,
        )

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The vectors of `texts`, shape (len(texts), dimensions); zero where a text is blank.

        Raises:
            ModelUnavailable: the server is gone, refuses, or gives no vectors.
        """
        new = [text for text in dict.fromkeys(texts) if text.strip() and text not in self._known]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            self._known.update(zip(batch, self._ask(batch), strict=True))
        size = next((len(self._known[t]) for t in texts if t in self._known), 1)
        blank = np.zeros(size)
        return np.array([self._known.get(text, blank) for text in texts]).reshape(-1, size)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, texts: list[str]) -> list[NDArray[np.float64]]:
        body = {"model": self._settings.model or self._name, "input": texts}
        try:
            reply: Any = self._client.post(
                "/embeddings", body=body, cast_to=object, options={"headers": self._headers}
            )
            data = sorted(reply["data"], key=lambda item: item["index"])
            vectors = [np.array(item["embedding"], dtype=np.float64) for item in data]
        except openai.APIError as error:
            reason = getattr(error, "status_code", None) or "no answer"
            raise ModelUnavailable(
                f"{self._settings.base_url} gives no embeddings ({reason}): correct the model "
                f"{self._name!r}, or leave explain.embeddings out"
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable(
                f"the reply of {self._settings.base_url}/embeddings cannot be read: leave "
                "explain.embeddings out"
            ) from error
        if len(vectors) != len(texts) or len({v.shape for v in vectors}) != 1:
            raise ModelUnavailable(
                f"{self._settings.base_url} gave {len(vectors)} vectors for {len(texts)} texts"
            )
        return vectors

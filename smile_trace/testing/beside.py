"""Explanations by answers that are recorded beside the file of a test, a file per model."""

import contextlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from smile_trace.explaining.api import explain_prepared
from smile_trace.explaining.options import AnyModel, AnyPrompt, Question
from smile_trace.explaining.preparation import prepare
from smile_trace.models.registry import as_model
from smile_trace.records import Explanation
from smile_trace.settings import Settings
from smile_trace.testing.recorded import RecordedModel


class Explainer:
    """Explains prompts as `smile_trace.explain` does, by recorded answers.

    The answers of the model `gpt-4o` for `test_shop.py` are in `test_shop.gpt-4o.jsonl`. The
    settings are those of the nearest `smile_trace.toml`, from the test's folder up.

    Args:
        test: the file of the test.
        record: ask the model for what is missing, and record it.
    """

    def __init__(self, test: Path, *, record: bool) -> None:
        self._test = test
        self._record = record
        with contextlib.chdir(test.parent):
            settings = Settings()
        # What embeds words may be another model, which is not recorded.
        packaged = settings.explain.model_copy(update={"embeddings": None})
        self._settings = settings.model_copy(update={"explain": packaged})

    def __call__(self, prompt: AnyPrompt, *, model: AnyModel, **options: Any) -> Explanation:
        """Explain a prompt; arguments and errors are those of `smile_trace.explain`.

        Raises:
            NotRecorded: an answer is not recorded, and the model is not to be asked.
            TypeError: a proxy or a judge is named, whose answers are not recorded.
        """
        for name in ("proxy", "scorer"):
            if isinstance(options.get(name), str):
                raise TypeError(f"the fixture explain() records `model` only: not {name}=…")
        asked = Question(prompt, model=self._recorded(model), **options)
        return explain_prepared(prepare(asked, self._settings), self._settings)

    def _recorded(self, model: AnyModel) -> RecordedModel:
        if isinstance(model, RecordedModel):
            return model
        name = model if isinstance(model, str) else as_model(model).name
        file = self._test.with_name(f"{self._test.stem}.{quote(name, safe='')}.jsonl")
        # Whether the model repeats itself is not known without it, so the noise is measured.
        return RecordedModel(
            file,
            model if self._record else None,
            deterministic=False,
            settings=self._settings,
        )

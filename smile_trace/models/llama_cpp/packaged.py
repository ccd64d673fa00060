"""The packaged models, by the names under which a person asks for them, and how each is served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from smile_trace.models.llama_cpp.chat_model import chat_model_path
from smile_trace.models.llama_cpp.completion_model import CHAT_TEMPLATE, completion_model_path
from smile_trace.records import Form
from smile_trace.settings import LocalSettings


@dataclass(frozen=True)
class Serving:
    """How llama.cpp serves a file.

    Attributes:
        path: the GGUF file.
        form: how it is asked; None = as the call was made.
        slots: prompts that it works on at once.
        prompt_cache: whether what a prompt shares with an earlier one is computed once.
        chat_template: Jinja source in place of the file's own.
    """

    path: Path
    form: Form | None
    slots: int = 8
    prompt_cache: bool = True
    chat_template: str = ""


def _chat() -> Serving:
    # What is computed beside a prompt, or before it, changes the last digits of this model's
    # probabilities, and with them one answer in thirty. Without, it takes twice as long.
    return Serving(chat_model_path(), "chat", slots=1, prompt_cache=False)


def _completion() -> Serving:
    return Serving(completion_model_path(), "completion", chat_template=CHAT_TEMPLATE)


_PACKAGED: Mapping[str, Callable[[], Serving]] = {"demo": _chat, "demo-completion": _completion}


def serving(settings: LocalSettings) -> Serving:
    """How the file of these settings is served.

    Raises:
        ModelUnavailable: the package of the packaged model is missing or damaged.
    """
    if settings.path is not None:
        return Serving(settings.path, form=None)
    return _PACKAGED[settings.packaged]()

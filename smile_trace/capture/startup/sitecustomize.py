"""Run by Python at its start, under `smile-trace run`, to capture calls of models.

A library is instrumented when the application imports it, and nothing else is loaded earlier,
because gevent or the application's own tracing may have to come first. Standard library only, in a
syntax that older Pythons read: the command may start one without smile-trace.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any, Sequence  # noqa: UP035  older Pythons

LIBRARIES = {
    "openai": ("openai", "openai"),
    "anthropic": ("anthropic", "anthropic"),
    "google.genai": ("google-genai", "google-genai"),
    "mistralai": ("mistralai", "mistralai"),
    "groq": ("groq", "groq"),
    "cohere": ("cohere", "cohere"),
    "ollama": ("ollama", "ollama"),
    "together": ("together", "together"),
    "litellm": ("litellm", "litellm"),
    "langchain_core": ("langchain-core", "langchain"),
    "llama_index.core": ("llama-index-core", "llama-index"),
    "dspy": ("dspy", "dspy"),
    "agents": ("openai-agents", "openai-agents"),
    "crewai": ("crewai", "crewai"),
    "smolagents": ("smolagents", "smolagents"),
    "haystack": ("haystack-ai", "haystack"),
}
"""Distribution of each library and its instrumentors' name, by the imported module."""
FAMILIES = (
    "openinference-instrumentation-{}",
    "opentelemetry-instrumentation-genai-{}",
    "opentelemetry-instrumentation-{}",
)
"""Instrumentors' distributions; the first installed one captures a library's calls. `…-openai-v2`
is not used because it writes content as logs."""
_REPORT = "SMILE_TRACE_RUN_REPORT"
_OFF = ("1", "true", "yes")


def start() -> None:
    """Watch imports, report what will be captured, and run the `sitecustomize` hidden by this."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != here]
    if os.environ.get("SMILE_TRACE_DISABLED", "").strip().lower() not in _OFF:
        sys.meta_path.insert(0, Watch())
        if os.environ.pop(_REPORT, None):
            try:
                for sentence in report():
                    _say(sentence)
            except Exception as error:  # noqa: BLE001  the application starts whatever happens
                _say(f"what will be captured is not known: {error!r}")
    following = PathFinder.find_spec("sitecustomize", sys.path)
    if following is not None and following.loader is not None:
        sys.modules["sitecustomize"] = module = module_from_spec(following)
        following.loader.exec_module(module)


def report() -> list[str]:
    """Sentences on which installed libraries will be captured, and how to capture the others."""
    installed = [kind for name, kind in LIBRARIES.values() if distribution_of(name)]
    if not installed:
        known = ", ".join(kind for _, kind in LIBRARIES.values())
        which = f"{sys.executable} has no library whose calls can be captured ({known})"
        return [f"{which}: is it the Python of your application?"]
    by = {kind: instrumentor_of(kind) for kind in installed}
    captured = [f"{kind} (by {d.metadata['Name']} {d.version})" for kind, d in by.items() if d]
    without = [kind for kind, found in by.items() if not found]
    packages = [FAMILIES[0].format(kind) for kind in without]
    said = []
    if not distribution_of("smile-trace"):
        said.append(f"nothing is captured: {sys.executable} has no smile-trace")
        packages.insert(0, "smile-trace")
    elif captured:
        home = os.environ.get("SMILE_TRACE_HOME", "~/.smile-trace")
        said.append(f"captured into {home}: {', '.join(captured)}")
    if without:
        said.append(f"not captured, because no instrumentor is installed: {', '.join(without)}")
    if packages:
        said.append(f"to add what is missing: {sys.executable} -m pip install {' '.join(packages)}")
    return said


def distribution_of(name: str) -> Any:
    """The installed distribution of that name, or None."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def instrumentor_of(kind: str) -> Any:
    """The distribution of the preferred installed instrumentor, or None."""
    found = (distribution_of(family.format(kind)) for family in FAMILIES)
    return next((one for one in found if one), None)


class Watch:
    """A finder that instruments each module of `LIBRARIES` once it has been executed."""

    def __init__(self) -> None:
        self.waiting = {module: kind for module, (_, kind) in LIBRARIES.items()}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        """The spec of another finder, its loader extended by the instrumentation."""
        kind = self.waiting.get(name)
        if kind is None:
            return None
        others = (f for f in list(sys.meta_path) if f is not self and hasattr(f, "find_spec"))
        spec = next(filter(None, (f.find_spec(name, path, target) for f in others)), None)
        loader: Any = spec and spec.loader
        if not hasattr(loader, "exec_module"):
            return spec

        def execute(module: ModuleType) -> None:
            del loader.exec_module  # from here on it is as it was
            loader.exec_module(module)
            if self.waiting.pop(name, None):
                instrument(kind)

        loader.exec_module = execute
        return spec


def instrument(kind: str) -> None:
    """Instrument a library, or say why that fails: the application goes on without capture."""
    found = instrumentor_of(kind)
    if found is None:
        return
    try:
        from smile_trace.capture.instrument import instrument_with

        instrument_with(found)
    except Exception as error:  # noqa: BLE001  the application's import goes on whatever happens
        first = FAMILIES[0].format(kind)
        named = f"{found.metadata['Name']} {found.version}"
        said = f"calls of {kind} are not captured, since {named} cannot be used ({error})"
        other = (
            f": {sys.executable} -m pip install {first}" if found.metadata["Name"] != first else ""
        )
        _say(said + other)


def _say(sentence: str) -> None:
    with suppress(AttributeError, OSError, ValueError):
        print(f"smile-trace: {sentence}", file=sys.stderr, flush=True)


if __name__ == "sitecustomize":
    start()

"""Imported once by the server that test processes are forked from: what each of them needs.

Nothing here may start a thread: a forked process would not have it.
"""

import importlib
import os

from smile_trace.attribution.word_vectors import embed_words
from smile_trace.models.transport import price
from smile_trace.records import Usage

for _name in (
    "smile_trace.models.kinds.endpoint",
    "smile_trace_contracts.tracker",
    "smile_trace.worker.run",
    "smile_trace.worker.plan",
    "smile_trace_langfuse",
    "smile_trace_opik",
    "smile_trace_otlp",
    "tests.support.command_line",
    "tests.support.planted_process",
    "tests.support.worker_process",
):
    importlib.import_module(_name)

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # else the tokenizer complains about the fork
embed_words(["warm"])
price(Usage(input_tokens=1, output_tokens=1), "gpt-4o", "https://api.openai.com/v1")

"""LiteLLM's proxy, which traces itself: a server of its own, asked by each of its APIs."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
from texts import CONTEXT, FUNCTION, MODEL, PARAMETERS, QUESTION, SYSTEM, TOOL

CLAUDE = "claude-sonnet-4-5"
CHAT = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": CONTEXT}]
ASK = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
CLAUDE_TOOL = {
    "name": FUNCTION["name"],
    "description": FUNCTION["description"],
    "input_schema": PARAMETERS,
}
NATIVE = {"model": CLAUDE, "max_tokens": 50}
SETTINGS = {
    "model_list": [
        {
            "model_name": name,
            "litellm_params": {"model": f"{of}/{name}", "api_base": address, "api_key": "no key"},
        }
        for name, of, address in (
            (MODEL, "openai", os.environ["MODEL_URL"]),
            (CLAUDE, "anthropic", os.environ["ANTHROPIC_URL"]),
        )
    ],
    "litellm_settings": {"callbacks": ["otel"]},
    "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
}


@contextmanager
def proxy():
    """A running proxy's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "settings.yaml"
        settings.write_text(json.dumps(SETTINGS))
        program = Path(sys.executable).with_name("litellm")
        command = [program, "--config", settings, "--host", "127.0.0.1", "--port", port]
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        address = f"http://127.0.0.1:{port}"
        try:
            while process.poll() is None:
                try:
                    httpx.get(f"{address}/health/liveliness")
                    break
                except httpx.HTTPError:
                    time.sleep(0.5)
            yield address
            time.sleep(8)  # spans are written after the answers
        finally:
            process.terminate()
            process.wait()


with proxy() as address:
    for path, body in (
        ("chat/completions", {"model": MODEL, "messages": CHAT, "temperature": 0, "seed": 7}),
        ("chat/completions", {"model": MODEL, "messages": ASK, "tools": [TOOL], "stream": True}),
        ("responses", {"model": MODEL, "input": CONTEXT, "instructions": SYSTEM}),
        ("responses", {"model": MODEL, "input": CONTEXT, "instructions": SYSTEM, "stream": True}),
        ("messages", {**NATIVE, "system": SYSTEM, "messages": CHAT[1:], "stream": True}),
        (
            "messages",
            {
                **NATIVE,
                "system": SYSTEM,
                "messages": ASK[1:],
                "tools": [CLAUDE_TOOL],
                "stream": True,
            },
        ),
        ("chat/completions", {**NATIVE, "messages": CHAT}),
    ):
        httpx.post(f"{address}/v1/{path}", json=body, timeout=60).raise_for_status()

"""A llama.cpp server in a child process, so that its crash does not crash the worker.

The child exits at the end of its standard input: however the parent ends (even by `kill -9`), the
operating system closes the pipe.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import IO, TYPE_CHECKING

from smile_trace.models.base import ModelUnavailable

if TYPE_CHECKING:  # the server needs none of it
    from smile_trace.models.packaged import Serving


class LlamaServer:
    """llama.cpp's OpenAI-compatible server for one GGUF file, on a free loopback port. Thread-safe.
    A crashed server is restarted by the next `start()`. `context_tokens`: the context shared by the
    slots; each has `context_tokens // slots`."""

    def __init__(self, served: "Serving", *, context_tokens: int, threads: int) -> None:
        self._options = {
            "path": str(served.path),
            "context_tokens": context_tokens,
            "slots": served.slots,
            "threads": threads,
            "prompt_cache": served.prompt_cache,
            "chat_template": served.chat_template,
        }
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._address = ""

    def start(self) -> str:
        """Start the server unless it is running; return its address, `http://127.0.0.1:PORT`.
        Raises ModelUnavailable if it did not start; the message ends with llama.cpp's last
        output."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._stop()
                self._spawn()
            return self._address

    @property
    def running(self) -> bool:
        """Whether the child process is alive."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Stop the server, if it is running."""
        with self._lock:
            self._stop()

    def _spawn(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(
            # -P: no module of the working directory, which may be somebody else's.
            [sys.executable, "-P", "-m", __name__, json.dumps(self._options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self._process.stdout is not None
        address = self._process.stdout.readline().decode().strip()
        if not address:
            code = self._process.wait()
            last = self._last_output()
            self._stop()
            raise ModelUnavailable(
                f"llama.cpp could not serve {self._options['path']} (exit code {code}); check "
                f"that it is a GGUF file which fits into memory: {last}",
                permanent=True,
            )
        self._address = address

    def _last_output(self) -> str:
        assert self._log is not None
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return " / ".join(line.strip() for line in lines[-3:])

    def _stop(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None


def _serve(options: dict[str, str | int]) -> None:
    """Serve, in the child, until standard input ends."""
    # Ctrl-C reaches the whole process group; the parent decides when the server goes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    handshake = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what llama.cpp prints must not block on a pipe that nobody reads

    import xllamacpp  # type: ignore[import-untyped]

    params = xllamacpp.CommonParams()
    params.model.path = options["path"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = options["context_tokens"]
    params.n_parallel = options["slots"]
    params.cpuparams.n_threads = options["threads"]
    params.cpuparams_batch.n_threads = options["threads"]
    params.cache_prompt = options["prompt_cache"]
    params.use_jinja = True  # the model's own template, not llama.cpp's nearest to it
    params.chat_template = options["chat_template"]
    params.verbosity = 1
    params.ui = False
    params.endpoint_slots = False  # it would show one caller's prompts to another
    server = xllamacpp.Server(params)
    handshake.write(f"{server.listening_address}\n")
    handshake.close()
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))

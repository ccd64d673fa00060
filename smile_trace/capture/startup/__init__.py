"""The folder that `smile-trace run` puts on an application's PYTHONPATH for its `sitecustomize`."""

from pathlib import Path

FOLDER = Path(__file__).parent
REPORT = "SMILE_TRACE_RUN_REPORT"
"""The variable that asks the command's first Python to say what it captures; it is then removed."""

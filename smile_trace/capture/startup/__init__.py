"""What `smile-trace run` puts before an application: a folder for its PYTHONPATH.

Python runs the `sitecustomize` in it at its start; nothing here is imported otherwise.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
REPORT = "SMILE_TRACE_RUN_REPORT"
"""A variable: the first Python of the command says what it captures, and takes it away."""

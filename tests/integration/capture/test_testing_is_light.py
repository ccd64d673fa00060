"""An application tests with smile_trace.testing and without the worker's extra."""

import subprocess
import sys


def test_an_application_imports_it_without_the_workers_extra() -> None:
    heavy = ("numpy", "openai", "sqlalchemy", "pydantic_settings", "httpx")
    code = f"""
import sys
sys.modules.update(dict.fromkeys({heavy!r}))
import smile_trace.testing
"""
    subprocess.run([sys.executable, "-c", code], check=True)

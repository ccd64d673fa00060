"""Processes forked from a clean server that has imported everything once.

A worker is then up in a fraction of a second, and a model in some hundredths.
"""

import multiprocessing

_WARM = "tests.support.warm"

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([_WARM])


def also_import(module: str) -> None:
    """Let the server import that module, too; before the first process is started."""
    FORKS.set_forkserver_preload([_WARM, module])

"""Processes forked from a clean server that has imported everything once.

A worker is then up in a fraction of a second, and a model in some hundredths.
"""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.warm"])

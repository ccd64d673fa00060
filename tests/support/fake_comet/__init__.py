"""A fake Comet server: the endpoints that the real clients call, in memory.

For the tests, the demo and the benchmark, where there is no account. It knows only what its
clients were seen to ask and answers 404 to everything else.
"""

from smile_trace_contracts.fake_http_server import Answer, Fault, Request
from tests.support.fake_comet.server import FakeComet
from tests.support.fake_comet.state import Asset, Experiment, KnownIds

__all__ = ["Answer", "Asset", "Experiment", "FakeComet", "Fault", "KnownIds", "Request"]

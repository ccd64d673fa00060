"""A stand-in for a Comet server: the endpoints that the real clients call, in memory.

For the tests, the demo and the benchmark, where there is no account. It knows only what its
clients were seen to ask and answers 404 to everything else.
"""

from smile_trace_comet.stand_in.http import Answer, Fault, Request
from smile_trace_comet.stand_in.server import StandIn
from smile_trace_comet.stand_in.state import Asset, Experiment, KnownIds

__all__ = ["Answer", "Asset", "Experiment", "Fault", "KnownIds", "Request", "StandIn"]

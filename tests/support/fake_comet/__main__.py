"""`python -m tests.support.fake_comet`: the fake server in its own process."""

import argparse
import signal
import sys

from tests.support.fake_comet.server import FakeComet


def main() -> None:
    """Serve on a loopback port until SIGINT or SIGTERM; the first line printed is the address."""
    parser = argparse.ArgumentParser(description="A fake Comet server, in memory.")
    parser.add_argument("--port", type=int, default=0, help="by default any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args()
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads, so for all
    with FakeComet(port=given.port, latency=given.latency) as server:
        print(server.url, flush=True)
        signal.sigwait(ends)
    sys.exit(0)


if __name__ == "__main__":
    main()

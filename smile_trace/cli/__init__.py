"""The command `smile-trace`: one module per command, loaded when that command runs."""

import sys

from smile_trace.errors import SmileTraceError


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 an error said in one sentence, 2 usage."""
    from smile_trace.cli.app import app

    try:
        app()
    except SmileTraceError as error:
        if "--debug" in sys.argv:
            raise
        print(f"smile-trace: {error}", file=sys.stderr)
        raise SystemExit(1) from None

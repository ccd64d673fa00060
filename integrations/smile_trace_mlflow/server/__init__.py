"""One MLflow server: every request that we make of it, and what its errors mean.

With `reviews`, these are the only modules that touch MLflow's semi-private parts:
`rest_utils.http_request` (which brings MLflow's own authentication and TLS settings to the OTLP
endpoint), `TracingClient`, the function that makes MLflow's sessions, and the artifact repository
of a trace with `Attachment`'s references (there is no public upload for an attachment's bytes). The
integration tests pin them.
"""

from smile_trace_mlflow.server.runs import RUNS_TAG, Server

__all__ = ["RUNS_TAG", "Server"]

"""One MLflow server: all our requests to it, and the meaning of its errors.

With `reviews`, these are the only modules that touch MLflow's semi-private parts, which the
integration tests pin: `rest_utils.http_request` (MLflow's own authentication and TLS settings for
the OTLP endpoint), `TracingClient`, the function that makes MLflow's sessions, and the artifact
repository of a trace with `Attachment`'s references (there is no public upload for an attachment's
bytes).
"""

from smile_trace_mlflow.server.runs import RUNS_TAG, Server

__all__ = ["RUNS_TAG", "Server"]

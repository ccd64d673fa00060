"""One MLflow server: every request that we make of it, and what its errors mean.

These are the only modules that touch MLflow's semi-private parts: `rest_utils.http_request` (which
brings MLflow's own authentication and TLS settings to the OTLP endpoint), `TracingClient`, and
the artifact repository of a trace with `Attachment`'s references (there is no public upload for
an attachment's bytes). The integration tests pin them.
"""

from smile_trace_mlflow.prompt_requests import PromptRequests
from smile_trace_mlflow.run_requests import RunRequests


class Server(PromptRequests, RunRequests):
    """A tracking server with one experiment, which is made when something is first delivered."""

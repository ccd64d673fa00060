"""One MLflow server: every request that we make of it, and what its errors mean.

These are the only modules that touch MLflow's semi-private parts: `rest_utils.http_request` (which
brings MLflow's own authentication and TLS settings to the OTLP endpoint), `TracingClient`, and
the artifact repository of a trace with `Attachment`'s references (there is no public upload for
an attachment's bytes). The integration tests pin them.
"""

from mlflow.entities.model_registry import PromptVersion

from smile_trace_mlflow.server.prompts import PromptRequests
from smile_trace_mlflow.server.reviews import ReviewRequests
from smile_trace_mlflow.server.runs import RunRequests

RUNS_TAG, MOST_RUNS = "mlflow.prompt.run_ids", 20
"""The tag by which MLflow's page of a prompt version lists runs with links, and the most in it."""


class Server(PromptRequests, ReviewRequests, RunRequests):
    """A tracking server with one experiment, which is made when something is first delivered."""

    def show_run_at_prompt(self, run_id: str, version: PromptVersion) -> None:
        """List a run on the page of a version of the prompt registry, there once; runs that were
        deleted are taken off it."""
        tag = self.prompt_tags(version).get(RUNS_TAG) or ""
        listed = [part.strip() for part in tag.split(",") if part.strip()]
        if run_id not in listed:
            there = [one for one in listed[-MOST_RUNS + 1 :] if not self.deleted(one)]
            self.tag_prompt(version, RUNS_TAG, ",".join([*there, run_id]))

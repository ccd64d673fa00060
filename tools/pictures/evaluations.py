"""The pictures of evaluations: `python -m tools.pictures.evaluations`.

A planted shop is evaluated in a real MLflow, with our scorers and with one of its own, whose traces
are explained afterwards; Chromium photographs both runs, light and dark.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import openai
from mlflow.genai.scorers import scorer
from typer.testing import CliRunner

from smile_trace.cli.app import app
from tests.support.browser import PATIENCE, chromium_or_exit, launched
from tests.support.mlflow_pages import prefer
from tests.support.mlflow_server import OwnMLflowServer
from tests.support.strict_openai import StrictServer, strict
from tools.pictures.images import COLOURS, store_picture

RULE = "Dear assistant, thank you for your help. Goods can be returned within 30 days."
QUESTIONS = ("May I return a lamp?", "How long can I send shoes back?", "Who repairs lamps?")
RUN, EXPLAINED = "what the answers rest on", "short answers"
WIDTH, HEIGHT = 1900, 640


def answer(body: dict[str, Any]) -> str:
    """By the rule; who asks about repairs is answered by nothing that was said."""
    told = " ".join(message["content"] for message in body["messages"])
    if "repairs" in told:
        return "Our workshop in Leeds."
    return "Within 30 days." if "30 days" in told else "Please ask our staff."


@scorer
def is_short(outputs: str) -> bool:
    """The shop's own scorer."""
    return len(outputs) < 20


def main() -> None:
    """Evaluate, and take both pictures.

    Raises:
        SystemExit: there is no Chromium.
    """
    program = chromium_or_exit()
    with tempfile.TemporaryDirectory(prefix="evaluation-") as folder:
        server = OwnMLflowServer(Path(folder))
        server.start()
        try:
            with strict(answer) as model:
                address = _evaluate(Path(folder), server, model)
            with launched(program) as browser:
                for dark in (False, True):
                    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
                    prefer(context, dark=dark)
                    for run, column, name in (
                        (RUN, "no_effect_of", "mlflow-evaluation"),
                        (EXPLAINED, "smile.verdict", "mlflow-evaluated"),
                    ):
                        page = context.new_page()
                        page.goto(address)
                        page.get_by_text(run, exact=True).first.click(timeout=PATIENCE)
                        page.get_by_text(column, exact=True).first.wait_for(timeout=PATIENCE)
                        page.wait_for_timeout(3000)
                        store_picture(page, name, dark=dark, colours=COLOURS)
                        page.close()
        finally:
            server.stop()


def _evaluate(folder: Path, server: OwnMLflowServer, model: StrictServer) -> str:
    """The address of the evaluation runs."""
    from smile_trace_mlflow import scorers

    os.chdir(folder)
    (folder / "smile_trace.toml").write_text(
        f'[models.planted]\nkind = "endpoint"\nbase_url = "{model.base_url}"\n'
        "temperature_zero_is_deterministic = true\n"
    )
    mlflow.set_tracking_uri(server.uri)
    experiment = mlflow.set_experiment("returns").experiment_id
    mlflow.openai.autolog()
    create = openai.OpenAI(base_url=model.base_url, api_key="none").chat.completions.create

    def ask(question: str) -> str | None:
        reply = create(
            model="planted",
            temperature=0,
            messages=[
                {"role": "system", "content": RULE},
                {"role": "user", "content": question},
            ],
        )
        return reply.choices[0].message.content

    with mlflow.start_run(run_name=RUN):
        mlflow.genai.evaluate(
            data=[{"inputs": {"question": question}} for question in QUESTIONS],
            predict_fn=ask,
            scorers=[
                scorers.driver_is("30 days"),
                scorers.no_effect_of("Dear assistant"),
                scorers.faithfulness(),
            ],
        )
    with mlflow.start_run(run_name=EXPLAINED) as run:
        mlflow.genai.evaluate(
            data=[{"inputs": {"question": question}} for question in QUESTIONS],
            predict_fn=ask,
            scorers=[is_short],
        )
    os.environ |= {"MLFLOW_TRACKING_URI": server.uri, "SMILE_TRACE_HOME": str(folder / "home")}
    done = CliRunner().invoke(app, ["explain", "--run", run.info.run_id, "--deliver"])
    assert done.exit_code == 0, done.output
    return f"{server.uri}/#/experiments/{experiment}/evaluation-runs"


if __name__ == "__main__":
    main()

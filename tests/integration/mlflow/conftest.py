"""A new experiment of the real server, and a tracker that delivers to it."""

import pytest

from smile_trace_mlflow import MLflowTracker
from tests.support.mlflow_server import MLflowServer


@pytest.fixture
def experiment(mlflow_server: MLflowServer) -> str:
    return mlflow_server.new_experiment()


@pytest.fixture
def tracker(mlflow_server: MLflowServer, experiment: str) -> MLflowTracker:
    options = {"tracking_uri": mlflow_server.uri, "experiment": experiment}
    made = MLflowTracker.from_settings(options)
    assert made is not None
    return made

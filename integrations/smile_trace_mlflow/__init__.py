"""Explanations inside MLflow: a tracker that delivers traces and heatmaps, and `load_prompt`.

Importing this package does not import mlflow: the tracker does so once it is active.
"""

from smile_trace_mlflow.prompts import load_prompt
from smile_trace_mlflow.tracker import MLflowTracker

__all__ = ["MLflowTracker", "load_prompt"]

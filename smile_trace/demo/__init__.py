"""The whole job on one machine: an application, a real model, a real MLflow, one worker."""

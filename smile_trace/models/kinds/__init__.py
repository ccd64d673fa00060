"""One file per kind of model: a new one (Bedrock, Anthropic, …) is added here.

The file is named as the `kind` in the settings and has `open_model(name, settings, *, app, call)`;
see `docs/contributing/model.md`.
"""

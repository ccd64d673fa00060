"""One file per kind of model: a new one (Bedrock, Anthropic, …) is added here.

`registry.py` maps the `kind` of a table `[models."name"]` in the settings to its file.
"""

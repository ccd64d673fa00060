"""One file per kind of model, named as the `kind` in the settings: its table, which is `TABLE`, and
what it opens. Other packages bring kinds by entry point; see `docs/contributing/model.md`.
"""

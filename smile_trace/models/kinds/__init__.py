"""One file per kind of model, named as the `kind` in the settings: its settings table, `TABLE`, and
the model that it opens. Other packages bring kinds by entry point (`docs/contributing/model.md`).
"""

"""The way from answer changes to effects: surrogates, intervals, tests, fidelity."""

"""From answer changes to effects: surrogates, intervals, tests, fidelity."""

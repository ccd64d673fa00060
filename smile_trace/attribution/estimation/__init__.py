"""From responses to effects: answer changes, surrogates, intervals, tests, fidelity."""

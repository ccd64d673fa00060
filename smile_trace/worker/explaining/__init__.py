"""A job's way to its explanation: the engine, the models, proxies, sanity checks."""

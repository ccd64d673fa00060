"""From a job to its explanation: the engine, the models, proxies, sanity checks."""

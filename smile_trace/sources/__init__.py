"""Sources of records besides this machine's applications: a receiver, OTLP/JSON, backends."""

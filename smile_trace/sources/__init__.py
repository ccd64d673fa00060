"""Where records come from besides this machine's applications: a receiver, files of OTLP/JSON."""

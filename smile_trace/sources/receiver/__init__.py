"""The OTLP/HTTP receiver: a request is answered with 200 only after it stands in the spool."""

"""The OTLP/HTTP receiver: whatever it answers with 200 stands in the spool."""

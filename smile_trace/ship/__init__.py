"""The shipper: an application host's spool, sent to a receiver.

Standard library only, so that it is small beside an application. Its settings are those of
`smile_trace.settings` in the same file and variables, read without pydantic.
"""

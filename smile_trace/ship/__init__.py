"""The shipper: sends an application host's spool to a receiver.

Standard library only, to stay small beside an application. Its settings are those of
`smile_trace.settings` in the same file and variables, read without pydantic.
"""

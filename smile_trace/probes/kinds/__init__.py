"""The probes that come with smile-trace, one file each."""

"""The hosts to which a settings file sends prompts and keys, and whether this user allows them.

A key of the environment goes without a question to its provider's own host, to this machine, and to
the address that the environment names for it. Any other host that a file names is allowed once, by
the person, and kept in the home's `trusted.json`. Arguments and `SMILE_TRACE_…` variables count as
the person's own word, as does a file in the home, where a writer could allow anything anyway, and a
file of root's, read by another user. Standard library only, for the shipper.
"""

from smile_trace.trust.decision import NotTrusted, allow, allowed, check, described, to_allow
from smile_trace.trust.destinations import ACCOUNTS, Account, Destination, destinations

__all__ = [
    "ACCOUNTS",
    "Account",
    "Destination",
    "NotTrusted",
    "allow",
    "allowed",
    "check",
    "described",
    "destinations",
    "to_allow",
]

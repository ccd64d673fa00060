"""Whether an address stays on this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached under that host.

    Args:
        host: an IP address, IPv6 with or without brackets, or a name. A name under `localhost`
            may be anywhere, and so is none.
    """
    try:
        found = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() == "localhost"
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback

"""Which addresses a process listens on, by /proc: nothing of a cluster for trials may be reached from elsewhere."""

import ipaddress
import os
import re
import struct
from pathlib import Path

from cluster.system import Failure

LISTENS = "0A"  # the state of /proc/net/tcp


def address_of(text):
    """`0100007F:2328` of /proc/net/tcp, or 32 digits of tcp6, as (address, port)."""
    host, port = text.split(":")
    words = [int(host[at : at + 8], 16) for at in range(0, len(host), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address, int(port, 16)


def listening(pid):
    """(address, port) of every TCP socket that a process listens on."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry))
        except OSError:  # closed by now
            continue
        if found:
            sockets.add(found[1])
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            words = line.split()
            if words[3] == LISTENS and words[9] in sockets:
                yield address_of(words[1])


def check_loopback(name, pid):
    """Raises `Failure` if a process can be reached from another machine."""
    open_to_all = sorted({f"{address}:{port}" for address, port in listening(pid) if not address.is_loopback})
    if open_to_all:
        raise Failure(f"{name} listens on {', '.join(open_to_all)}, where other machines reach it; expected loopback only")

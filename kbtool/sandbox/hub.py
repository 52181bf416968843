"""The network between guests: a switch whose ports are unix sockets.

Runs with nothing but the standard library (`python -I -S hub.py FOLDER NAME…`), in a cell of its
own. A guest's port is the folder FOLDER/NAME: what the guest sends arrives at the socket `hub`,
and what is for it goes to its socket `guest`, one Ethernet frame a datagram. There is no further
port, so no frame leaves the sandbox. A guest that is not there, or does not listen, loses frames.
"""

import contextlib
import selectors
import socket
import sys

FRAME = 1 << 16
HEADER = 14  # receiver, sender, kind


def ports(folder: str, names: list[str]) -> dict[str, socket.socket]:
    """Return each guest's port, listening; who was there before is gone."""
    found = {}
    for name in names:
        port = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        port.setblocking(False)
        port.bind(f"{folder}/{name}/hub")
        found[name] = port
    return found


def targets(frame: bytes, source: str, seen: dict[bytes, str], names: list[str]) -> list[str]:
    """Return whom a frame is for, having learnt where its sender is: one guest, or the others."""
    receiver, sender = frame[:6], frame[6:12]
    if len(frame) < HEADER:
        return []
    if not sender[0] & 1:  # an address of many is nobody's
        seen[sender] = source
    known = seen.get(receiver)
    return [name for name in ([known] if known else names) if name != source]


def main(folder: str, names: list[str]) -> None:
    """Carry frames for ever."""
    seen: dict[bytes, str] = {}
    found = ports(folder, names)
    waiting = selectors.DefaultSelector()
    for name, port in found.items():
        waiting.register(port, selectors.EVENT_READ, name)
    while True:
        for key, _ in waiting.select():
            source: str = key.data
            frame = found[source].recv(FRAME)
            for name in targets(frame, source, seen, names):
                with contextlib.suppress(OSError):  # it is not there, or slower than the others
                    found[name].sendto(frame, f"{folder}/{name}/guest")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

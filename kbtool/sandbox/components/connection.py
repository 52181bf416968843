"""HTTP to a server of the sandbox over its own socket, whose other end is proven each time."""

import http.client
import socket

from kbtool.sandbox.components.server import Server
from kbtool.sandbox.door import peer_pid


class ProvenConnection(http.client.HTTPConnection):
    """A connection that ends at the process this supervisor started, or is refused."""

    def __init__(self, server: Server) -> None:
        super().__init__("localhost", timeout=30)
        self.server = server

    def connect(self) -> None:
        """Connect, and prove the other end."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(self.server.socket))
        self.server.prove_peer(peer_pid(self.sock))

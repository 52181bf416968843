"""PID 1 of a step on a node outside: hands its block to the keeper, and its output on.

Runs with nothing but the standard library (`python -I -S hostexec.py SOCKET REQUEST`) in a cell
that holds no code of the step: that runs on the node.
"""

import base64
import json
import os
import socket
import sys


def main(path: str, request: str) -> int:
    """Return the exit code of the block; 125 where it could not be run, as docker's own is."""
    with socket.socket(socket.AF_UNIX) as keeper, open(request, "rb") as file:
        keeper.connect(path)
        keeper.sendall(file.read() + b"\n")
        for line in keeper.makefile("rb"):
            message = json.loads(line)
            if "exit" in message:
                return int(message["exit"])
            if "error" in message:
                sys.stderr.write(f"{message['error']}\n")
                return 125
            for number, name in ((1, "out"), (2, "err")):
                data = base64.b64decode(message.get(name, ""))
                while data:
                    data = data[os.write(number, data) :]
    sys.stderr.write("the sandbox's keeper hung up\n")
    return 125


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))

"""A guest of the image with its network card restricted or not, in a namespace that plays the world.

Run in a cell: `netguest.py MEMORY COMMAND…`. It listens where a machine would (its loopback) and
where the outside would (an address of its own), lets the guest try both, and prints what it reached.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

PORT = 4242
ADDRESSES = [["10.0.2.2", PORT], ["198.18.0.1", PORT]]  # this side's loopback, and the outside
TRY = f"""python3 -I -c '
import json, socket
def connects(host, port):
    with socket.socket() as tried:
        tried.settimeout(3)
        return tried.connect_ex((host, port)) == 0
print(json.dumps([connects(*each) for each in {json.dumps(ADDRESSES)}]))'"""


def listen():
    server = socket.create_server(("0.0.0.0", PORT))
    while True:
        server.accept()[0].close()


def main(memory, command):
    subprocess.run(["ip", "address", "add", "198.18.0.1/32", "dev", "lo"], check=True)
    threading.Thread(target=listen, daemon=True).start()
    number = os.open(memory, os.O_RDONLY)
    with subprocess.Popen(
        [*command, "-incoming", f"fd:{number}"],
        pass_fds=(number,),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    ) as emulator:
        go_on()
        key = Path("/w/key")
        key.chmod(0o600)
        ssh = ["ssh", "-F", "none", "-i", str(key), "-p", "2222", "-o", "StrictHostKeyChecking=no"]
        ssh += ["-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=60", "root@127.0.0.1"]
        done = subprocess.run([*ssh, TRY], capture_output=True, text=True, check=False)
        print(done.stdout or done.stderr)
        emulator.kill()


def go_on():
    """Wait for the monitor and for the memory, and let the guest run."""
    while not Path("/w/monitor").exists():
        time.sleep(0.05)
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect("/w/monitor")
        lines = monitor.makefile("rw")
        lines.readline()
        for command in ("qmp_capabilities", "query-migrate", "cont"):
            while True:
                lines.write(json.dumps({"execute": command}) + "\n")
                lines.flush()
                answer = lines.readline()
                while '"event"' in answer:
                    answer = lines.readline()
                if command != "query-migrate" or "completed" in answer:
                    break
                time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

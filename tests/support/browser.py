"""A real Chromium over its debugging pipe: pages opened, keys pressed, everything it says kept."""

import json
import os
import shutil
import subprocess
import time

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
]  # fmt: skip


class Browser:
    """One browser with one tab."""

    def __init__(self, profile):
        down, self._out = os.pipe()
        self._in, up = os.pipe()

        def placed():
            for number, target in ((down, 3), (up, 4)):
                os.dup2(number, target + 10)
            os.dup2(13, 3)
            os.dup2(14, 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=placed, close_fds=False,
        )  # fmt: skip
        os.close(down)
        os.close(up)
        self._buffer, self._number, self._session = b"", 0, None
        self.console, self.requests = [], []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def open(self, url, wait="document.readyState === 'complete'"):
        """Open a page and wait until the condition holds there."""
        self.console, self.requests = [], []
        self._leave()
        origin = "/".join(url.split("/")[:3])
        self._call("Storage.clearDataForOrigin", origin=origin, storageTypes="local_storage")
        self.js("window.left = true")
        self._call("Page.navigate", url=url)
        self.until(f"!window.left && document.readyState === 'complete' && ({wait})")

    def _leave(self):
        self._call("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank'")

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not self.js(f"!!({condition})"):
            assert time.monotonic() < end, f"never true: {condition}; console: {self.console}"
            time.sleep(0.05)

    def js(self, expression):
        """Return the value of an expression (a promise's, too)."""
        found = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key, code=0):
        for kind in ("rawKeyDown", "keyUp"):
            self._call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def type(self, text):
        self._call("Input.insertText", text=text)

    def look(self, width, scheme="light"):
        """Set the width of the window, and whether the reader likes it dark.

        The page before goes first: its theme would keep what it sees for the next one.
        """
        self._leave()
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", features=features)

    def _call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._heard(answer.get("method"), answer.get("params", {}))

    def _next(self):
        while b"\0" not in self._buffer:
            self._buffer += os.read(self._in, 1 << 20)
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _heard(self, method, parameters):
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Log.entryAdded":
            entry = parameters["entry"]
            self.console.append(f"{entry['text']} {entry.get('url', '')}".strip())
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning"):
            self.console.append(str([each.get("value") for each in parameters["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(parameters["exceptionDetails"]["text"])

"""The confined maker of kbtool's own checks: JSON questions on stdin, JSON answers on stdout.

It runs in a cell like a step's, with an empty environment, and reaches servers only through
their doors. It follows no redirect, uses no proxy, and reads at most one cell or one megabyte.
"""

import http.client
import json
import subprocess
import sys
from typing import Any

BODY_CAP = 1 << 20
DEPTH_CAP = 64


def main() -> None:
    """Answer questions until stdin ends."""
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = ANSWERS[question["kind"]](question)
        except Exception as error:  # noqa: BLE001 - whatever happens is an observation, not an end
            answer = {"status": "error", "detail": f"{type(error).__name__}: {error}".strip()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def ask_http(question: dict[str, Any]) -> dict[str, Any]:
    """GET a path; the value is {status, body}, body None where it is no JSON."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", question["port"], timeout=question["timeout"]
    )
    try:
        connection.request("GET", question["target"], headers={"Accept": "application/json"})
        response = connection.getresponse()
        raw = response.read(BODY_CAP + 1)
    finally:
        connection.close()
    if len(raw) > BODY_CAP:
        return {"status": "error", "detail": "the answer is longer than 1 MB"}
    return {"status": "value", "value": {"status": response.status, "body": decoded(raw)}}


def decoded(raw: bytes) -> Any:
    """Return the JSON of a body, None where it is none or too deep."""
    if raw.count(b"[") + raw.count(b"{") > BODY_CAP // 16:
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if depth(value) <= DEPTH_CAP else None


def depth(value: Any) -> int:
    """Return how deep lists and objects are nested."""
    deepest, level = 0, [value]
    while level and deepest <= DEPTH_CAP:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        deepest, level = deepest + bool(inner), inner
    return deepest


def ask_sql(question: dict[str, Any]) -> dict[str, Any]:
    """Run one query as the reader; the value is its only cell as text, None for NULL."""
    import psycopg

    with open(question["password_file"], encoding="utf-8") as file:
        password = file.read()
    with psycopg.connect(
        host="127.0.0.1",
        port=question["port"],
        dbname=question["database"],
        user=question["user"],
        password=password,
        connect_timeout=max(2, int(question["timeout"])),
    ) as connection:
        connection.read_only = True
        milliseconds = str(int(question["timeout"] * 1000))
        connection.execute("SELECT set_config('statement_timeout', %s, true)", [milliseconds])
        cursor = connection.execute(question["query"].encode(), prepare=False)
        rows = cursor.fetchmany(2)
    if not rows:
        return {"status": "absent"}
    if len(rows) > 1 or len(rows[0]) != 1:
        return {"status": "error", "detail": "the query gives more than one cell"}
    cell = rows[0][0]
    if isinstance(cell, bool):
        return {"status": "value", "value": "true" if cell else "false"}
    return {"status": "value", "value": None if cell is None else str(cell)}


def ask_k8s(question: dict[str, Any]) -> dict[str, Any]:
    """Read one object by kubectl, which knows what every name means; absent where it is not."""
    command = [question["kubectl"], "--kubeconfig", question["kubeconfig"], "get", "-o", "json"]
    command += ["--request-timeout", f"{max(1, int(question['timeout']))}s", question["resource"]]
    command += ["-n", question["namespace"]] if question["namespace"] else []
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=question["timeout"] + 1,
        check=False,
        env={"HOME": "/tmp", "PATH": "/usr/bin:/bin"},  # noqa: S108 - the cell's own
    )
    if done.returncode == 0:
        if len(done.stdout) > BODY_CAP:
            return {"status": "error", "detail": "the object is longer than 1 MB"}
        return {"status": "value", "value": decoded(done.stdout)}
    reason = done.stderr.decode("utf-8", "replace").strip()[-300:]
    if reason.startswith("Error from server (NotFound)"):
        return {"status": "absent", "detail": reason}
    return {"status": "error", "detail": reason}


ANSWERS = {"http": ask_http, "sql": ask_sql, "k8s": ask_k8s}

if __name__ == "__main__":
    main()

"""The way from a folder to a path."""


def way(here: str, there: str) -> str:
    """Return the way from one folder to a path, as relpath does, without asking the system."""
    start, to = here.split("/") if here else [], there.split("/") if there else []
    same = 0
    for one, other in zip(start, to, strict=False):
        if one != other:
            break
        same += 1
    return "/".join([".."] * (len(start) - same) + to[same:]) or "."

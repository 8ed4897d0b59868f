"""Takes the test itself out of a trace, so that the trace can be shown to who must not see the test."""

import json
import os
import zipfile

# What quotes the test's source: the files themselves, and the call stacks into them.
SOURCE_PREFIX = "resources/src@"
STACKS_SUFFIX = ".stacks"
# The method behind every `expect(...)`.
ASSERTION = "expect"


def _without_assertions(trace: str) -> str:
    hidden = set()
    kept = []
    for line in trace.splitlines():
        event = json.loads(line)
        if event.get("method") == ASSERTION:
            hidden.add(event.get("callId"))
        if event.get("callId") not in hidden or event.get("callId") is None:
            kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def trace_cleaner(trace_path: str) -> None:
    """Replaces `output.zip` by the folder `output`, without sources, call stacks and assertions."""
    folder = os.path.splitext(trace_path)[0]
    with zipfile.ZipFile(trace_path) as archive:
        for name in archive.namelist():
            if name.startswith(SOURCE_PREFIX) or name.endswith(STACKS_SUFFIX):
                continue
            archive.extract(name, folder)
    os.remove(trace_path)
    for name in os.listdir(folder):
        if name.endswith(".trace"):
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                cleaned = _without_assertions(file.read())
            with open(path, "w", encoding="utf-8") as file:
                file.write(cleaned)

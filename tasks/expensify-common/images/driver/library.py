"""Calls the library under test over HTTP: the submitted code runs in the other container, and only JSON crosses.

Every exchange has one deadline for all of it, and a bounded reply. A service that once did not answer, or a library that
once hung, is not asked again: that costs seconds then, and not the plan's whole time.
"""

import json
import os
import socket
import time

HOST = os.environ.get("LANCET_APP_HOST", "app")
PORT = 8080
# The service ends a call after 8 seconds by itself.
DEADLINE_SECONDS = 10.0
REPLY_BYTES = 8 * 1024 * 1024 + 65536

UNDEFINED = {"$undefined": True}

_given_up = None


class LibraryError(AssertionError):
    """The call gave no value: it threw, hung, or ended its process; `kind` says which."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Outcome:
    """What a call gave: its value (plain JSON), JavaScript's `typeof`, and the arguments that each spy was called with."""

    def __init__(self, value, type_, spies):
        self.value = value
        self.type = type_
        self.spies = spies


def ref(*path):
    """An earlier step's result, or a part of it, as an argument."""
    return {"$ref": list(path)}


def spy(name, *returns):
    """A function that notes its arguments under `name` and returns each of these in turn, as an argument."""
    return {"$spy": name, "returns": list(returns)}


def run(*steps, globals_=None):
    """Runs the steps in one process; the last one's result is the outcome's value. Steps: see the service's call.js.

    `globals_` are set on the global object first, `window` for instance.
    """
    reply = _exchange({"steps": list(steps), "globals": globals_ or {}})
    error = reply.get("error")
    if error is not None:
        kind, message = str(error.get("kind")), str(error.get("message"))[:2000]
        if kind == "timeout":
            _give_up(message)
        raise LibraryError(kind, message)
    return Outcome(reply.get("value"), reply.get("type"), reply.get("spies"))


def call(module, path, *args):
    """The value of one call: `call("dist/str.js", "default.isValidEmail", "a@b.c")`."""
    return run({"load": module, "as": "module"}, {"call": ["module", *path.split(".")], "args": list(args)}).value


def construct(module, name, args, method, *method_args):
    """The value of a method of a new object of the module's class `name`."""
    return run(
        {"load": module, "as": "module"},
        {"new": ["module", name], "args": args, "as": "object"},
        {"call": ["object", method], "args": list(method_args)},
    ).value


def mark(method, *args):
    """The value of a method of a new ExpensiMark: `mark("replace", "*bold*")`."""
    return construct("dist/ExpensiMark.js", "default", [], method, *args)


def _give_up(reason):
    global _given_up
    _given_up = reason


def _exchange(message):
    if _given_up:
        raise LibraryError("silent", _given_up)
    try:
        status, body = _post(json.dumps(message, ensure_ascii=False).encode())
    except (OSError, ValueError) as error:
        _give_up(f"the service does not answer: {error}")
        raise LibraryError("silent", _given_up) from None
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        raise LibraryError("reply", f"status {status}, and no JSON") from None
    if status != 200 or not isinstance(reply, dict) or not isinstance(reply.get("error") or {}, dict):
        raise LibraryError("reply", f"status {status}: {body[:200]!r}")
    return reply


def _post(body):
    """One request on one connection; the service closes it after its reply."""
    end = time.monotonic() + DEADLINE_SECONDS

    def left():
        seconds = end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError(f"no whole reply within {DEADLINE_SECONDS:.0f} s")
        return seconds

    with socket.create_connection((HOST, PORT), timeout=left()) as connection:
        head = f"POST /run HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.settimeout(left())
        connection.sendall(head.encode() + body)
        received = bytearray()
        while True:
            connection.settimeout(left())
            chunk = connection.recv(65536)
            if not chunk:
                break
            received += chunk
            if len(received) > REPLY_BYTES:
                raise ValueError(f"the reply is longer than {REPLY_BYTES} bytes")
    header, separator, content = bytes(received).partition(b"\r\n\r\n")
    status = header.split(b" ", 2)
    if not separator or len(status) < 2 or not status[1].isdigit():
        raise ValueError("the reply is not HTTP")
    return int(status[1]), content

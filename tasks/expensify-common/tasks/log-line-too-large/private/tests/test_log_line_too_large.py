"""Packets of log lines, and the size of each line."""

import json
import re

from library import run, spy

LIMIT = 1_000_000
NOTE = re.compile(r"^(.*)\.\.\.\[truncated (\d+) bytes\]$", re.DOTALL)


def size(text):
    return len(text.encode())


def compact(value):
    """As JSON.stringify writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def packet(*entries):
    """The lines of the packet that is sent after logging these (message, parameters); each line within the limit."""
    steps = [
        {"load": "dist/Logger.js", "as": "module"},
        {"new": ["module", "default"], "args": [{"serverLoggingCallback": spy("send"), "isDebug": False}], "as": "logger"},
    ]
    for number, (message, parameters) in enumerate(entries):
        flush = number == len(entries) - 1
        steps.append({"call": ["logger", "info"], "args": [message, flush, parameters]})
    ((_, request),) = run(*steps).spies["send"]
    assert request["api_setCookie"] is False
    lines = json.loads(request["logPacket"])
    assert len(lines) == len(entries)
    assert all(size(compact(line)) <= LIMIT for line in lines), [size(compact(line)) for line in lines]
    return lines


def cut(line, message):
    """The number of bytes kept of the message; checks the note."""
    found = NOTE.match(line["message"])
    assert found, line["message"][-60:]
    kept, removed = found.group(1), int(found.group(2))
    whole = f"[info] {message}"
    assert whole.startswith(kept)
    assert size(kept) + removed == size(whole)
    return size(kept)


def test_long_message_is_cut():
    message = "x" * 2_000_000
    (line,) = packet((message, ""))
    assert cut(line, message) > LIMIT - 1000


def test_escapes_count():
    message = '"' * 700_000
    (line,) = packet((message, ""))
    assert cut(line, message) > LIMIT / 2 - 1000


def test_bytes_count_and_not_characters():
    message = "é" * 600_000
    (line,) = packet((message, ""))
    assert cut(line, message) > LIMIT - 1000


def test_no_character_is_split():
    message = "a" + "😀" * 300_000
    (line,) = packet((message, ""))
    assert cut(line, message) > LIMIT - 1000
    assert "\ufffd" not in line["message"]


def test_parameters_stay_when_the_message_is_too_long():
    message = "x" * 1_500_000
    (line,) = packet((message, {"reportID": "7"}))
    assert line["parameters"] == {"reportID": "7"}
    assert cut(line, message) > LIMIT - 1000


def test_large_parameters_are_replaced():
    parameters = {"response": "é" * 600_000}
    (line,) = packet(("request failed", parameters))
    assert line["message"] == "[info] request failed"
    assert line["parameters"] == {"truncated": True, "originalByteSize": size(compact(parameters))}


def test_both_too_large():
    message, parameters = "y" * 1_200_000, {"response": "z" * 1_200_000}
    (line,) = packet((message, parameters))
    assert line["parameters"] == {"truncated": True, "originalByteSize": size(compact(parameters))}
    assert cut(line, message) > LIMIT - 1000


def test_other_lines_of_the_packet_are_whole():
    message = "x" * 1_100_000
    first, large, last = packet(("first", {"a": 1}), (message, ""), ("last", ""))
    assert first["message"] == "[info] first"
    assert first["parameters"] == {"a": 1}
    assert last["message"] == "[info] last"
    cut(large, message)


def test_line_that_just_fits_as_before():
    message = "x" * 999_000
    (line,) = packet((message, ""))
    assert line["message"] == f"[info] {message}"


def test_small_lines_as_before():
    first, last = packet(("one", {"reportID": "7", "nested": {"list": [1, None, "é"]}}), ("two", ""))
    assert first["message"] == "[info] one"
    assert first["parameters"] == {"reportID": "7", "nested": {"list": [1, None, "é"]}}
    assert last["message"] == "[info] two"
    assert last["parameters"] == ""
    assert "timestamp" in first

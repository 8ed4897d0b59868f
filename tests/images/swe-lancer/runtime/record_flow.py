"""Writes a `flow.mitm` from a plain list of API commands and their answers.

    python3 record_flow.py COMMANDS.json flow.mitm

The published images hold flows that were recorded from the real service. These are made up, in the same format, so
that nothing binary has to be kept beside the sources.
"""

import json
import sys

from mitmproxy import connection, http, io

HOST = "www.expensify.com"
PORT = 443
# Flows are replayed in the order of their time stamps: one second apart, from an arbitrary start.
START = 1700000000.0


def flow(number: int, command: str, answer: dict) -> http.HTTPFlow:
    stamp = START + number
    client = connection.Client(peername=("127.0.0.1", 50000), sockname=("127.0.0.1", 8080), timestamp_start=stamp)
    server = connection.Server(address=(HOST, PORT), sni=HOST)
    recorded = http.HTTPFlow(client, server)
    recorded.timestamp_created = stamp
    recorded.request = http.Request.make(
        "POST",
        f"https://{HOST}/api/{command}",
        content=b"",
        headers={"content-type": "application/x-www-form-urlencoded;charset=UTF-8"},
    )
    recorded.request.timestamp_start = stamp
    recorded.response = http.Response.make(
        200, json.dumps(answer).encode(), {"content-type": "application/json"}
    )
    return recorded


def main() -> None:
    source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        commands = json.load(file)
    with open(target, "wb") as file:
        writer = io.FlowWriter(file)
        for number, entry in enumerate(commands):
            writer.add(flow(number, entry["command"], entry["answer"]))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A small server of the Pusher protocol, in place of the gem `pusher-fake`.

It accepts a connection with the right key, answers pings and subscriptions, and publishes nothing of its own.
"""

import argparse
import asyncio
import json
import secrets

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

ACTIVITY_TIMEOUT_SECONDS = 120
# The protocol's code for an application that does not exist.
UNKNOWN_APPLICATION = 4001


def event(name: str, data: dict, **fields: str) -> str:
    return json.dumps({"event": name, "data": json.dumps(data), **fields})


class Socket(WebSocketHandler):
    def initialize(self, key: str) -> None:
        self.key = key

    def check_origin(self, _origin: str) -> bool:
        return True

    def open(self, key: str) -> None:
        if key != self.key:
            self.write_message(event("pusher:error", {"code": UNKNOWN_APPLICATION}))
            self.close(UNKNOWN_APPLICATION)
            return
        socket_id = f"{secrets.randbelow(10**6)}.{secrets.randbelow(10**6)}"
        data = {"socket_id": socket_id, "activity_timeout": ACTIVITY_TIMEOUT_SECONDS}
        self.write_message(event("pusher:connection_established", data))

    def on_message(self, message: str | bytes) -> None:
        received = json.loads(message)
        if received.get("event") == "pusher:ping":
            self.write_message(event("pusher:pong", {}))
        elif received.get("event") == "pusher:subscribe":
            channel = received["data"]["channel"]
            self.write_message(event("pusher_internal:subscription_succeeded", {}, channel=channel))


class Health(RequestHandler):
    def get(self) -> None:
        self.write("ok\n")


async def main() -> None:
    parser = argparse.ArgumentParser()
    # The published images start the gem with these. Of the three, a server that publishes nothing needs the key.
    for name in ("--id", "--key", "--secret"):
        parser.add_argument(name, required=True)
    parser.add_argument("--socket-host", required=True)
    parser.add_argument("--socket-port", type=int, required=True)
    arguments = parser.parse_args()
    application = Application([(r"/app/(.*)", Socket, {"key": arguments.key}), (r"/", Health)])
    application.listen(arguments.socket_port, arguments.socket_host)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())

"""A server that speaks Chat Completions on loopback: what models answer in measurements.

    model_server.py [--turns N] [--bytes N]

It prints its port. Whatever it is asked, it answers with N - 1 texts of so many bytes and then with a choice of the
first proposal: a call of `hand_in` where that is a tool, and else the JSON that says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re

PROPOSAL = re.compile(r"^#+ Proposal (\d+)$", re.MULTILINE)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def answer(body: dict, turns: int, size: int) -> bytes:
    """The answer to a request."""
    messages = body["messages"]
    turn = sum(message["role"] == "assistant" for message in messages)
    message: dict = {"role": "assistant", "content": f"{turn}: ".ljust(size, "x")}
    finish = "stop"
    if turn + 1 >= turns:
        text = "\n".join(m["content"] for m in messages[:2] if isinstance(m["content"], str))
        found = PROPOSAL.search(text)
        proposal = int(found.group(1)) if found else 0
        if body.get("tools"):
            call = {"name": "hand_in", "arguments": json.dumps({"proposal": proposal})}
            message["content"] = None
            message["tool_calls"] = [{"id": f"call-{turn}", "type": "function", "function": call}]
            finish = "tool_calls"
        else:
            message["content"] = json.dumps({"selected_proposal_id": proposal})
    usage = {"prompt_tokens": 1000 + turn, "completion_tokens": 20, "total_tokens": 1020 + turn}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"id": "a", "object": "chat.completion", "created": 1, "model": "mock", "choices": [choice], "usage": usage}
    return json.dumps(body).encode()


class Connection(asyncio.Protocol):
    """One connection, which may have any number of requests, one after the other."""

    def __init__(self, turns: int, size: int) -> None:
        self.turns, self.size, self.received = turns, size, b""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            length = int(LENGTH.search(self.received[:end]).group(1))
            whole = end + 4 + length
            if len(self.received) < whole:
                return
            body, self.received = self.received[end + 4 : whole], self.received[whole:]
            reply = answer(json.loads(body), self.turns, self.size)
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(reply)}\r\n\r\n"
            self.transport.write(head.encode() + reply)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--bytes", type=int, default=40)
    arguments = parser.parse_args()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(arguments.turns, arguments.bytes), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

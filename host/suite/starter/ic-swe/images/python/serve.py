"""Calls the project's functions for its tests: `POST /` with `{"module": …, "function": …, "arguments": […]}` gives
`{"value": …}` or `{"error": …}`.

Each call has a process of its own, so that code which hangs, exits or prints fails its test and nothing else.
"""

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALL = """
import importlib, json, sys
sys.path.insert(0, "/srv/project")
request = json.load(sys.stdin)
function = getattr(importlib.import_module(request["module"]), request["function"])
print("\\n" + json.dumps(function(*request["arguments"])))
"""


def call(request):
    try:
        done = subprocess.run([sys.executable, "-c", CALL], input=request, capture_output=True, timeout=5)
        if done.returncode != 0:
            return {"error": done.stderr.decode(errors="replace")[-2000:]}
        return {"value": json.loads(done.stdout.splitlines()[-1])}
    except subprocess.TimeoutExpired:
        return {"error": "no answer within 5 seconds"}
    except (ValueError, IndexError):
        return {"error": "no answer"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"value": "ready"})

    def do_POST(self):
        self.answer(call(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, reply):
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8080), Handler).serve_forever()

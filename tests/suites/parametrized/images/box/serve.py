"""Adds the numbers of each line that comes in on port 8080."""

import socketserver
import sys

sys.path.insert(0, "/srv/sums")
import sums  # noqa: E402


class Sum(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(f"{sums.add(*map(int, line.split()))}\n".encode())


socketserver.TCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("0.0.0.0", 8080), Sum).serve_forever()

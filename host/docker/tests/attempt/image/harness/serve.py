"""Answers each line that comes in on port 8080 with what the work tree's `answer` makes of it."""
import socket
import sys

sys.path.insert(0, "/srv/repo")
sys.dont_write_bytecode = True
import logic  # noqa: E402

listener = socket.create_server(("0.0.0.0", 8080))
print("listening", flush=True)
while True:
    connection, _ = listener.accept()
    with connection:
        line = connection.makefile("r").readline()
        if not line:
            # Somebody only looks whether it listens.
            continue
        line = line.strip()
        connection.sendall((str(logic.answer(line)) + "\n").encode())

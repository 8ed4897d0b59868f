"""What a framework for tests would do: asks the app, and writes a JUnit report."""
import os
import socket
import sys

FAILURE = "<failure message='no'/>"


def ask(line, host=None):
    with socket.create_connection((host or os.environ.get("LANCET_APP_HOST", "127.0.0.1"), 8080), 5) as connection:
        connection.sendall((line + "\n").encode())
        return connection.makefile("r").readline().strip()


def report(results, path="/lancet/results/junit.xml"):
    cases = "".join(
        f"<testcase classname='t' name='{name}'>{'' if passed else FAILURE}</testcase>"
        for name, passed in results.items()
    )
    with open(path, "w") as file:
        file.write(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")


def finish(results, path="/lancet/results/junit.xml"):
    report(results, path)
    sys.exit(0 if all(results.values()) else 1)

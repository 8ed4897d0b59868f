import os
import socket

import pytest


@pytest.mark.parametrize("a, b, sum", [(1, 2, 3), (2, 5, 7), (4, 0, 4)])
def test_add(a, b, sum):
    with socket.create_connection((os.environ["LANCET_APP_HOST"], 8080), 5) as connection:
        connection.sendall(f"{a} {b}\n".encode())
        assert connection.makefile().readline() == f"{sum}\n"

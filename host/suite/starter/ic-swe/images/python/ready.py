"""Exits with 0 when the service answers."""

import urllib.request

urllib.request.urlopen("http://127.0.0.1:8080/", timeout=2).read()

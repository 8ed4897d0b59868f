"""mitmproxy script: answers the app's API calls from the issue's `flow.mitm`.

The answers of one command are given in the order of their recording, the last one again and again. Requests to the
dev server and to the push server go through. Everything else gets an error: nothing leaves the container.
"""

import logging
import os
from collections import defaultdict

from mitmproxy import ctx, http, io

FLOW_FILE = f"/app/tests/issues/{os.environ['ISSUE_ID']}/flow.mitm"
APP_HOSTS = {"dev.new.expensify.com", "localhost", "127.0.0.1"}
PUSHER_HOST = "ws-mt1.pusher.com"
API_PREFIX = "/api/"
CORS = {"access-control-allow-origin": "*"}


class Replay:
    def __init__(self) -> None:
        self.answers: dict[str, list[http.Response]] = defaultdict(list)

    def load(self, _loader) -> None:
        with open(FLOW_FILE, "rb") as file:
            flows = [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]
        for flow in sorted(flows, key=lambda flow: flow.request.timestamp_start):
            self.answers[flow.request.path].append(flow.response)

    def running(self) -> None:
        # The recorded hosts cannot be reached: a connection to them is not to be tried before the request is read.
        ctx.options.connection_strategy = "lazy"

    def request(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        is_api = request.path.startswith(API_PREFIX)
        if request.host == PUSHER_HOST or (request.host in APP_HOSTS and not is_api):
            return
        answers = self.answers.get(request.path)
        if not answers:
            logging.warning("not recorded: %s %s", request.method, request.pretty_url)
            flow.response = http.Response.make(504, b'{"jsonCode": 504, "message": "not recorded"}', CORS)
            return
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        flow.response = answer.copy()
        flow.response.headers.update(CORS)


addons = [Replay()]

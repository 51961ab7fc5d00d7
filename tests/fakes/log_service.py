"""A small CloudWatch Logs over HTTP, with the limits of a batch, which moto does not keep.

It knows CreateLogGroup, PutRetentionPolicy, CreateLogStream and PutLogEvents; `refuse` names an
operation and the code of the error that it answers with from then on.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_SPAN_MS = 24 * 60 * 60 * 1000


class ServiceError(Exception):
    """Answered to the client, by its code."""


class LogService:
    """Listens from construction; `groups` has retention and streams, streams have their events."""

    def __init__(self) -> None:
        self.groups: dict[str, dict] = {}
        self.refuse: dict[str, str] = {}
        self.calls: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                operation = self.headers["X-Amz-Target"].partition(".")[2]
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    status, answer = 200, service.answer(operation, request)
                except ServiceError as error:
                    status, answer = 400, {"__type": str(error), "message": "as the test says"}
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, operation: str, request: dict) -> dict:
        self.calls.append(operation)
        if code := self.refuse.get(operation):
            raise ServiceError(code)
        name = request["logGroupName"]
        if operation == "CreateLogGroup":
            if name in self.groups:
                raise ServiceError("ResourceAlreadyExistsException")
            self.groups[name] = {"retention": None, "streams": {}}
            return {}
        if name not in self.groups:
            raise ServiceError("ResourceNotFoundException")
        group = self.groups[name]
        if operation == "PutRetentionPolicy":
            group["retention"] = request["retentionInDays"]
        elif operation == "CreateLogStream":
            if request["logStreamName"] in group["streams"]:
                raise ServiceError("ResourceAlreadyExistsException")
            group["streams"][request["logStreamName"]] = []
        elif operation == "PutLogEvents":
            check(request["logEvents"])
            group["streams"][request["logStreamName"]] += request["logEvents"]
        else:
            raise ServiceError("UnknownOperationException")
        return {}


def check(events: list[dict]) -> None:
    """Raises: ServiceError for a batch that Amazon would not take."""
    times = [event["timestamp"] for event in events]
    sizes = [len(event["message"].encode()) + 26 for event in events]
    fine = (
        1 <= len(events) <= 10_000
        and sum(sizes) <= 1_048_576
        and max(sizes) <= 262_144
        and times == sorted(times)
        and times[-1] - times[0] <= MAX_SPAN_MS
    )
    if not fine:
        raise ServiceError("InvalidParameterException")

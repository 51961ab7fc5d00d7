"""The exchange over a real loopback connection."""

import http.client
import json

import pytest

from datasync_api.counters import Counters
from datasync_api.report import Progress
from datasync_runner.engine.exchange import ExchangeServer
from datasync_runner.engine.exchange_http import MAX_BODY_BYTES


@pytest.fixture
def paces():
    return []


@pytest.fixture
def server(paces):
    progress = Progress(
        execution_uid="u1",
        phase="Transferring",
        counters=Counters(files_transferred=3),
        totals_final=True,
    )
    server = ExchangeServer(
        "127.0.0.1", 0, token="secret", progress=lambda: progress, pace=paces.append
    )
    yield server
    server.close()


def ask(server, *, method="POST", path="/v1/exchange", token="secret", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    text = json.dumps({"executionUid": "u1"}) if body is None else body
    connection.request(method, path, text, {**sent, **(headers or {})})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_the_progress_is_told(server):
    status, body = ask(server)
    assert status == 200
    told = Progress.model_validate_json(body)
    assert (told.phase, told.counters.files_transferred) == ("Transferring", 3)
    assert "filesTransferred" in json.loads(body)["counters"]


@pytest.mark.parametrize(("said", "rate"), [({}, None), ({"bytesPerSecond": 4096}, 4096)])
def test_the_rate_in_force_is_taken(server, paces, said, rate):
    assert ask(server, body=json.dumps({"executionUid": "u1", **said}))[0] == 200
    assert paces == [rate]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"token": "wrong"}, 401),
        ({"token": ""}, 401),
        ({"token": "sécret"}, 401),
        ({"body": '{"executionUid": "other"}'}, 409),
        ({"path": "/"}, 404),
        ({"method": "GET"}, 404),
        ({"body": "{"}, 400),
        ({"body": "x" * (MAX_BODY_BYTES + 1)}, 413),
        ({"headers": {"Content-Length": "-1"}, "body": ""}, 413),
    ],
)
def test_everything_else_is_refused_without_a_word(server, paces, request_, status):
    assert ask(server, **request_) == (status, b"")
    assert paces == []


def test_a_taken_port_is_an_error(server):
    with pytest.raises(OSError, match="in use"):
        ExchangeServer("127.0.0.1", server.port, token="t", progress=lambda: None, pace=print)

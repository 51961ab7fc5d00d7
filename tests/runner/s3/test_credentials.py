"""Credentials: the files of a mounted Secret, and botocore's chain behind its border."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import botocore.exceptions
import pytest

from datasync_api.sides import S3Side
from datasync_runner.storage import errors
from datasync_runner.storage.s3 import chain
from datasync_runner.storage.s3.credentials import SecretFolder, make_source
from datasync_runner.storage.s3.signer import Credentials

SIDE = S3Side(uri="s3://data/", bucket="data", region="eu-west-1")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "hush"}


def secret(folder, **keys):
    for name, value in {**KEYS, **keys}.items():
        (folder / name).write_text(value)
    return SIDE.model_copy(update={"credentials_path": str(folder)})


def test_a_secret(tmp_path):
    source = make_source(secret(tmp_path, AWS_ACCESS_KEY_ID="AKIA\n"))
    assert isinstance(source, SecretFolder)
    assert source.current() == Credentials("AKIA", "hush")


def test_a_secret_with_a_token(tmp_path):
    source = make_source(secret(tmp_path, AWS_SESSION_TOKEN="token"))
    assert source.current() == Credentials("AKIA", "hush", "token")


def test_a_secret_that_changes_is_read_again(tmp_path):
    source = make_source(secret(tmp_path))
    assert source.refresh() is False
    secret(tmp_path, AWS_SECRET_ACCESS_KEY="new", AWS_SESSION_TOKEN="token")
    assert source.current() == Credentials("AKIA", "hush")
    assert source.refresh() is True
    assert source.current() == Credentials("AKIA", "new", "token")


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "\n"}, "no key AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": ""}, "no key AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "hush\nhush"}, "AWS_SECRET_ACCESS_KEY of the Secret has char"),
        ({"AWS_ACCESS_KEY_ID": "AKI\u00c4"}, "AWS_ACCESS_KEY_ID of the Secret has characters"),
    ],
)
def test_a_secret_that_cannot_be(tmp_path, keys, match):
    with pytest.raises(errors.ConfigurationInvalid, match=match) as caught:
        make_source(secret(tmp_path, **keys))
    assert "hush" not in caught.value.message


def test_a_secret_without_its_files_or_with_bytes_that_are_no_text(tmp_path):
    side = secret(tmp_path)
    (tmp_path / "AWS_ACCESS_KEY_ID").write_bytes(b"\xff")
    with pytest.raises(errors.ConfigurationInvalid, match="cannot read key AWS_ACCESS_KEY_ID"):
        make_source(side)
    (tmp_path / "AWS_ACCESS_KEY_ID").unlink()
    with pytest.raises(errors.ConfigurationInvalid, match="no key AWS_ACCESS_KEY_ID"):
        make_source(side)


def test_a_secret_loads_no_botocore(tmp_path):
    side = secret(tmp_path)
    code = (
        "import sys\n"
        "from datasync_api.plan import S3Side\n"
        "from datasync_runner.storage.s3.credentials import make_source\n"
        f"make_source(S3Side.model_validate_json({side.model_dump_json()!r}))\n"
        "assert 'botocore' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A pod without any credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
                 "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    return monkeypatch


def test_the_chain_finds_the_environment(bare):
    bare.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    bare.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    source = make_source(SIDE)
    assert source.current() == Credentials("AKIA", "hush")
    assert source.refresh() is False


def test_no_credentials_anywhere_say_how_to_give_some(bare):
    with pytest.raises(errors.CredentialsRefused, match="service account a role"):
        make_source(SIDE).current()


class PodIdentity(BaseHTTPRequestHandler):
    """The agent of Pod Identity, as botocore asks it: numbered keys that expire soon."""

    statuses: tuple[int, ...] = (200,)
    asked = 0

    def do_GET(self):
        kind = type(self)
        kind.asked += 1
        status = kind.statuses[min(kind.asked, len(kind.statuses)) - 1]
        expiry = datetime.now(UTC) + timedelta(minutes=12)  # botocore renews within 15
        body = json.dumps(
            {"AccessKeyId": f"AKIA{kind.asked}", "SecretAccessKey": "hush", "Token": "t",
             "Expiration": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")}
        ).encode() if status == 200 else b"no"  # fmt: skip
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def pod_identity(bare):
    class Agent(PodIdentity):
        """A fresh count for each test."""

    with HTTPServer(("127.0.0.1", 0), Agent) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        bare.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/")
        yield Agent
        server.shutdown()
        thread.join()


def test_the_chain_renews_what_expires_soon(pod_identity):
    source = make_source(SIDE)
    first = source.current()
    assert first.token == "t"
    assert source.current() == first
    assert source.refresh() is True
    assert source.current().access_key != first.access_key


def test_an_agent_that_refuses_stops_the_run(pod_identity):
    pod_identity.statuses = (403,)
    source = make_source(SIDE)
    with pytest.raises(errors.CredentialsRefused) as caught:
        source.current()
    assert "hush" not in caught.value.message


def families():
    """Every error that botocore can raise."""
    found = [botocore.exceptions.BotoCoreError]
    for family in found:
        found += family.__subclasses__()
    return sorted({family for family in found if "botocore" in family.__module__}, key=str)


CONNECTION = {
    "CapacityNotAvailableError", "ConnectTimeoutError", "ConnectionClosedError",
    "ConnectionError", "EndpointConnectionError", "HTTPClientError", "ProxyConnectionError",
    "ReadTimeoutError", "ResponseStreamingError", "IncompleteReadError",
}  # fmt: skip


@pytest.mark.parametrize("kind", families(), ids=lambda kind: kind.__name__)
def test_every_error_of_botocore_is_mapped(kind):
    ours = next(ours for family, ours in chain.FAMILIES if issubclass(kind, family))
    retried = kind.__name__ in CONNECTION
    assert (ours is errors.Unavailable) == retried


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        (400, errors.CredentialsRefused),
        (403, errors.CredentialsRefused),
        (429, errors.Unavailable),
        (500, errors.Unavailable),
        (503, errors.Unavailable),
    ],
)
def test_an_answer_of_the_token_service(status, ours, bare):
    def refuse(*_, **__):
        raise botocore.exceptions.ClientError(
            {"Error": {"Code": "Odd"}, "ResponseMetadata": {"HTTPStatusCode": status}},
            "AssumeRoleWithWebIdentity",
        )

    bare.setattr("botocore.session.Session.get_credentials", refuse)
    with pytest.raises(ours, match="AssumeRoleWithWebIdentity"):
        make_source(SIDE).current()

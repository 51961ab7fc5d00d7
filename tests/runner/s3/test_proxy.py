"""The variables that an agent's pods get are those that the client of S3 goes by."""

import ssl
import subprocess

import pytest

from datasync_api.sides import S3Side
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.client import Client
from fakes.proxy import proxy_to
from fakes.s3_answers import Reply, serve

HOST = "s3.corp.invalid"
"""No resolver knows it: who gets an answer went through the proxy."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for the host and for 127.0.0.1 that signs itself, and a context with it."""
    folder = tmp_path_factory.mktemp("tls")
    key, path = folder / "key", folder / "certificate"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=here"]
    command += ["-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", path], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return path, context


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "AWS_ACCESS_KEY_ID").write_text("A")
    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text("secret")
    return tmp_path


async def get(endpoint, secret):
    side = S3Side(
        uri="s3://data/",
        bucket="data",
        region="us-east-1",
        endpoint=endpoint,
        addressing_style="Path",
        credentials_path=str(secret),
    )
    client = Client(side)
    try:
        return await client.ask(Call("GetObject", "GET", client.path("f"), key=b"f"))
    finally:
        client.close()


async def test_what_the_environment_says_holds_for_s3(secret, certificate, monkeypatch):
    path, context = certificate
    with serve([Reply(200, b"fine")], tls=context) as server:
        port = int(server.endpoint.rpartition(":")[2])
        with proxy_to(port) as proxy:
            monkeypatch.setenv("AWS_CA_BUNDLE", str(path))
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            assert (await get(f"https://{HOST}", secret)).body == b"fine"
            assert proxy.asked == [f"{HOST}:443"]
            monkeypatch.setenv("NO_PROXY", "127.0.0.1,.example.com")
            assert (await get(server.endpoint, secret)).body == b"fine"
            assert proxy.asked == [f"{HOST}:443"]

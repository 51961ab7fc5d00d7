"""Endpoints: the table of `resolve`, agreement with botocore, and with libcurl about the host."""

import json
import socket
import threading
from pathlib import Path

import botocore
import botocore.session
import pycurl
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.sides import S3Side
from datasync_runner.storage.errors import ConfigurationInvalid
from datasync_runner.storage.s3.endpoint import Endpoint, resolve

ARN = "arn:aws:s3:eu-west-1:123456789012:accesspoint/logs"


def side(*, bucket="data", endpoint=None, style="Virtual", region="eu-west-1"):
    return S3Side(
        uri=f"s3://{bucket}/",
        bucket=bucket,
        region=region,
        endpoint=endpoint,
        addressing_style=style,
    )


def table():
    """The rows of the docstring."""
    rows = [line.strip() for line in resolve.__doc__.splitlines()]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows if row[:2] == "| "]
    return cells[1:]


def test_the_table_is_read():
    assert len(table()) > 15
    assert {len(row) for row in table()} == {5}


@pytest.mark.parametrize(("endpoint", "style", "bucket", "host", "path"), table())
def test_every_row_of_the_table(endpoint, style, bucket, host, path):
    given_endpoint = None if endpoint == "-" else endpoint
    given_bucket = ARN if bucket == "arn:..." else bucket
    found = resolve(side(bucket=given_bucket, endpoint=given_endpoint, style=style), "eu-west-1")
    scheme = "http" if endpoint.startswith("http:") else "https"
    assert found == Endpoint(scheme, host, path)
    assert found.url == f"{scheme}://{host}{path}"


def partitions():
    text = (Path(botocore.__file__).parent / "data/partitions.json").read_text()
    return [
        (region, partition["outputs"]["dnsSuffix"])
        for partition in json.loads(text)["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    ]


@pytest.mark.parametrize(("region", "suffix"), partitions())
def test_the_name_of_every_region_that_botocore_knows(region, suffix):
    assert resolve(side(region=region), region).host == f"data.s3.{region}.{suffix}"


@pytest.mark.parametrize(
    ("bucket", "endpoint", "style", "region"),
    [
        ("data", None, "Virtual", "eu-west-1"),
        ("data", None, "Virtual", "us-east-1"),
        ("data", None, "Path", "us-east-1"),
        ("data", None, "Virtual", "cn-north-1"),
        ("data", None, "Virtual", "us-gov-west-1"),
        ("my.data", None, "Virtual", "eu-west-1"),
        ("Data_1", None, "Virtual", "eu-west-1"),
        (ARN, None, "Virtual", "eu-west-1"),
        (
            "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint:my-point",
            None,
            "Virtual",
            "cn-north-1",
        ),
        (
            ARN,
            "https://accesspoint.vpce-1a.s3.eu-west-1.vpce.amazonaws.com",
            "Virtual",
            "eu-west-1",
        ),
        ("data", "https://bucket.vpce-1a.s3.eu-west-1.vpce.amazonaws.com", "Virtual", "eu-west-1"),
        ("data", "https://s3.local", "Virtual", "eu-west-1"),
        ("my.data", "https://s3.local", "Virtual", "eu-west-1"),
        ("my.data", "http://s3.local:9000", "Virtual", "eu-west-1"),
        ("data", "http://10.0.0.7:9000", "Virtual", "eu-west-1"),
        ("data", "http://[fd00::1]:9000", "Path", "eu-west-1"),
        ("data", "https://s3.local/s3", "Path", "eu-west-1"),
        ("data", "https://s3.local/s3", "Virtual", "eu-west-1"),
    ],
)
def test_botocore_asks_at_the_same_place(bucket, endpoint, style, region):
    session = botocore.session.Session()
    client = session.create_client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(
            s3={"addressing_style": style.lower(), "us_east_1_regional_endpoint": "regional"}
        ),
    )
    asked = client.generate_presigned_url("head_object", {"Bucket": bucket, "Key": "a/key"})
    client.close()
    found = resolve(side(bucket=bucket, endpoint=endpoint, style=style, region=region), region)
    assert asked.split("?")[0] == f"{found.url}/a/key"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"endpoint": "ftp://s3.local"}, "neither http nor https"),
        ({"endpoint": "s3.local"}, "neither http nor https"),
        ({"endpoint": "https://"}, "names no host"),
        ({"endpoint": "https://:9000"}, "names no host"),
        ({"endpoint": "https://s3 local"}, "names no host"),
        ({"endpoint": "https://127.1"}, "names no host"),
        ({"endpoint": "https://0x7f000001"}, "names no host"),
        ({"endpoint": "https://sp\u00e4t.example"}, "names no host"),
        ({"endpoint": "https://s3.local:port"}, "is no URL"),
        ({"endpoint": "https://s3.local:99999"}, "is no URL"),
        ({"endpoint": "https://[::1"}, "is no URL"),
        ({"endpoint": "https://[fe80::1%eth0]"}, "names no host"),
        ({"endpoint": "https://user:word@s3.local"}, "has a user"),
        ({"endpoint": "https://s3.local?x=1"}, "a query"),
        ({"endpoint": "https://s3.local/a b"}, "not percent-encoded"),
        ({"region": "eu west"}, "is no region"),
        ({"region": "evil.com/"}, "is no region"),
        ({"bucket": "arn:aws:s3::123456789012:accesspoint/alias.mrap"}, "no access point of one"),
        ({"bucket": "arn:aws:s3-outposts:eu-west-1:123456789012:outpost/x"}, "no access point of"),
        ({"bucket": "arn:aws:s3:eu-central-1:123456789012:accesspoint/logs"}, "is in eu-central-1"),
        ({"bucket": ARN, "endpoint": "http://10.0.0.7"}, "name a host"),
        ({"bucket": "data--euw1-az1--x-s3"}, "directory bucket"),
    ],
)
def test_what_cannot_be_asked_says_why(change, match):
    wrong = side(**change)
    with pytest.raises(ConfigurationInvalid, match=match) as caught:
        resolve(wrong, wrong.region)
    assert caught.value.message.startswith(f"{wrong.uri}: ")
    assert "word@" not in caught.value.message


@given(st.text(max_size=30).map("https://".__add__) | st.text(max_size=30), st.text(max_size=20))
def test_no_text_makes_anything_but_an_endpoint_or_an_explanation(endpoint, bucket):
    try:
        found = resolve(side(endpoint=endpoint, bucket=bucket), "eu-west-1")
    except ConfigurationInvalid:
        return
    assert found.url.isascii()
    assert found.url.isprintable()
    assert not set(found.host) & set("/?#@ %")


@pytest.fixture
def hosts():
    """A server that keeps the Host headers it is sent."""
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                connection, _ = listener.accept()
                with connection:
                    lines = connection.recv(65536).decode().split("\r\n")
                    if lines[0].startswith("END"):
                        return
                    seen.extend(line[6:] for line in lines if line.startswith("Host: "))
                    connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], seen
        with socket.create_connection(listener.getsockname()) as goodbye:
            goodbye.sendall(b"END")
        thread.join()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://S3.Local",
        "http://s3.local:80/",
        "http://s3.local:443",
        "http://s3.local.:9000",
        "http://[::1]",
        "http://[FD00:0:0:0::0001]:9000",
        "http://[::ffff:10.0.0.7]:80",
        "http://10.0.0.7:9000/s3/",
    ],
)
@pytest.mark.parametrize("style", ["Path", "Virtual"])
def test_the_signed_host_is_what_libcurl_sends(endpoint, style, hosts):
    port, seen = hosts
    found = resolve(side(endpoint=endpoint, style=style), "eu-west-1")
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{found.url}/a%20key")
    curl.setopt(pycurl.CONNECT_TO, [f"::127.0.0.1:{port}"])
    curl.setopt(pycurl.NOPROXY, "*")
    curl.perform()
    curl.close()
    assert seen == [found.host]

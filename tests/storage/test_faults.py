"""Runs through a proxy that resets, stalls, lies and refuses: they end right, byte for byte.

First the proxy itself: each fault is seen by a plain HTTP client, so that none of the runs passes
because nothing happened.
"""

import http.client
import http.server
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from datasync_runner.checksums import crc64, to_header
from fixtures.faults import ALL

BODY = bytes(range(256)) * 40
SIZE = len(BODY)


class Plain:
    """A client without retries, one connection for each request unless it is kept."""

    def __init__(self, endpoint, server, bucket):
        self.endpoint, self.bucket = endpoint, bucket
        self.credentials = Credentials(server.access_key, server.secret_key)
        self.address = urlsplit(endpoint).netloc

    def ask(self, method, key, body=None, *, connection=None, query="", **headers):
        """Status, headers, body."""
        mine = connection or http.client.HTTPConnection(self.address, timeout=10)
        url = f"{self.endpoint}/{self.bucket}/{key}{query and '?'}{query}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = AWSRequest(method, url, data=body, headers=named)
        S3SigV4Auth(self.credentials, "s3", "us-east-1").add_auth(request)
        try:
            mine.request(method, url.removeprefix(self.endpoint), body, dict(request.headers))
            with mine.getresponse() as answer:
                named = {name.lower(): value for name, value in answer.getheaders()}
                return answer.status, named, answer.read()
        finally:
            if connection is None:
                mine.close()

    def put(self, key, body=BODY, **more):
        return self.ask("PUT", key, body, x_amz_checksum_crc64nvme=to_header(crc64(body)), **more)

    def get(self, key, **more):
        return self.ask("GET", key, x_amz_checksum_mode="ENABLED", **more)


@pytest.fixture
def proxied(fault_proxy, s3_server, s3_client, bucket):
    """A client before the proxy, the proxy without faults, and what the server really holds."""
    proxy = fault_proxy(permille=1000, kinds=[], stall_ms=300)
    plain = Plain(proxy.endpoint, s3_server, bucket)
    assert plain.put("there")[0] == 200
    proxy.zero()

    def held(key):
        found = s3_client.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
        return s3_client.get_object(Bucket=bucket, Key=key)["Body"].read() if found else None

    return proxy, plain, held


def test_what_is_no_fault_passes_unchanged(proxied):
    """Keys that need escapes, large bodies, chunked answers, bodiless answers: one connection."""
    proxy, plain, held = proxied
    connection = http.client.HTTPConnection(plain.address, timeout=10)
    large = BODY * 200
    for key, body in (("a%20b%2Bc/%C3%BC", BODY), ("large", large), ("empty", b"")):
        assert plain.put(key, body, connection=connection)[0] == 200
        status, headers, found = plain.get(key, connection=connection)
        assert (status, found) == (200, body)
        assert headers["x-amz-checksum-crc64nvme"] == to_header(crc64(body))
        assert plain.ask("HEAD", key, connection=connection)[::2] == (200, b"")
    assert held("a b+c/ü") == BODY
    for number in range(40):
        plain.put(f"many/{number}-{'x' * 200}", b"1", connection=connection)
    status, _, page = plain.ask("GET", "", query="list-type=2", connection=connection)
    assert (status, page.count(b"<Key>")) == (200, 44)
    assert plain.ask("DELETE", "large", connection=connection)[0] == 204
    assert plain.ask("GET", "large", connection=connection)[0] == 404
    connection.close()
    stats = proxy.stats()
    assert (stats.requests, stats.connections) == (3 * 3 + 40 + 3, 1)
    assert stats.methods == {"GET": 5, "HEAD": 3, "PUT": 43, "POST": 0, "DELETE": 1}
    assert sum(stats.faults.values()) == 0


class Chunks(http.server.BaseHTTPRequestHandler):
    """Answers with the request's own body, both in chunks; or, to GET, until the close."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while size := int(self.rfile.readline(), 16):
            chunk = self.rfile.read(size)
            self.rfile.readline()
            self.wfile.write(b"%x;name=value\r\n%b\r\n" % (size, chunk))
        self.rfile.readline()
        self.wfile.write(b"0\r\nX-Trailer: 1\r\n\r\n")

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BODY)
        self.close_connection = True

    def log_message(self, *_):
        pass


def test_bodies_in_chunks_and_bodies_until_the_close(fault_proxy):
    """SeaweedFS sends neither; others do."""
    pieces = [b"1", BODY, b"2" * 300_000]
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Chunks) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(server.serve_forever, 0.05)
        proxy = fault_proxy(f"127.0.0.1:{server.server_port}", permille=1000, kinds=[])
        address = urlsplit(proxy.endpoint).netloc
        connection = http.client.HTTPConnection(address, timeout=10)
        for _ in range(3):
            connection.request("POST", "/b/k", iter(pieces), encode_chunked=True)
            with connection.getresponse() as answer:
                assert answer.read() == b"".join(pieces)
        connection.request("GET", "/b/k")
        with connection.getresponse() as answer:
            assert answer.read() == BODY
        assert proxy.stats().connections == 1
        proxy.configure(kinds=["truncate"])
        connection.request("POST", "/b/k", iter(pieces[1:]), encode_chunked=True)
        with connection.getresponse() as answer, pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()
        server.shutdown()


def test_a_body_that_the_server_asks_for_first(proxied):
    _, plain, held = proxied
    assert plain.put("waited", expect="100-continue")[0] == 200
    assert held("waited") == BODY


@pytest.mark.parametrize("kind", ["internal-error", "slow-down", "request-timeout"])
def test_refusals_by_the_codes_of_s3(proxied, kind):
    proxy, plain, held = proxied
    expected = {
        "internal-error": (500, b"<Code>InternalError</Code>"),
        "slow-down": (503, b"<Code>SlowDown</Code>"),
        "request-timeout": (400, b"<Code>RequestTimeout</Code>"),
    }[kind]
    proxy.configure(kinds=[kind])
    connection = http.client.HTTPConnection(plain.address, timeout=10)  # reopens when closed
    for method in ("GET", "DELETE"):
        status, headers, body = plain.ask(method, "there", connection=connection)
        assert status == expected[0]
        assert expected[1] in body
        assert "date" in headers
    assert plain.ask("HEAD", "there", connection=connection)[::2] == (expected[0], b"")
    for number in range(12):
        assert plain.put(f"f{number:02}", connection=connection)[0] == expected[0]
    connection.close()
    assert held("there") == BODY  # the DELETE did not reach the server
    assert {held(f"f{number:02}") for number in range(12)} == {None, BODY}  # before and after it
    stats = proxy.stats()
    assert stats.faults[kind] == stats.requests == 15
    assert stats.connections == (15 if kind == "request-timeout" else 1)


def test_a_reset_in_place_of_an_answer(proxied):
    proxy, plain, held = proxied
    proxy.configure(kinds=["reset"])
    for number in range(12):
        with pytest.raises(ConnectionResetError):
            plain.put(f"f{number:02}")
    assert {held(f"f{number:02}") for number in range(12)} == {None, BODY}


def test_a_reset_in_the_middle_of_an_answer(proxied):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["reset-body"])
    for _ in range(5):
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            plain.get("there")
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        plain.ask("GET", "", query="list-type=2")
    assert plain.put("fine")[0] == 200
    assert proxy.stats().faults["reset-body"] == 6


def test_a_truncated_answer(proxied):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["truncate"])
    for _ in range(5):
        with pytest.raises(http.client.IncompleteRead) as caught:
            plain.get("there")
        assert BODY.startswith(caught.value.partial)
    with pytest.raises(http.client.IncompleteRead):
        plain.ask("GET", "", query="list-type=2")
    assert proxy.stats().faults["truncate"] == 6


def test_a_stall_before_and_in_an_answer(proxied):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["stall"])
    seen = set()
    for _ in range(8):
        began = time.monotonic()
        with pytest.raises((http.client.RemoteDisconnected, http.client.IncompleteRead)) as caught:
            plain.get("there")
        assert 0.3 <= time.monotonic() - began < 2
        seen.add(caught.type)
    assert len(seen) == 2


def test_a_wrong_checksum(proxied):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["checksum"])
    for status, headers, body in (plain.get("there"), plain.put("there")):
        assert (status, body) in ((200, BODY), (200, b""))
        stated = headers["x-amz-checksum-crc64nvme"]
        assert stated != to_header(crc64(BODY))
        assert len(stated) == len(to_header(0))


def differing_bits(one, other):
    assert len(one) == len(other)
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


def test_a_bit_flipped_on_the_way_down(proxied):
    proxy, plain, held = proxied
    proxy.configure(kinds=["flip-down"])
    status, headers, body = plain.get("there")
    assert (status, differing_bits(body, BODY)) == (200, 1)
    assert headers["x-amz-checksum-crc64nvme"] == to_header(crc64(BODY))
    assert held("there") == BODY


def test_a_bit_flipped_on_the_way_up(proxied):
    """With a checksum the server refuses it; without one it stores it."""
    proxy, plain, held = proxied
    proxy.configure(kinds=["flip-up"])
    assert plain.put("new")[0] == 400
    assert held("new") is None
    plain.ask("PUT", "new", BODY, x_amz_content_sha256="UNSIGNED-PAYLOAD")
    assert proxy.stats().faults["flip-up"] == 2


def test_an_error_within_a_200(proxied):
    proxy, plain, held = proxied
    proxy.configure(kinds=["error-in-200"])
    status, _, body = plain.ask(
        "PUT", "copy", x_amz_copy_source=f"/{plain.bucket}/there", content_length="0"
    )
    assert status == 200
    assert b"<Error><Code>InternalError</Code>" in body
    assert held("copy") is None
    assert plain.put("fine")[0] == 200


def test_an_expired_key_until_another_one_signs(proxied, s3_server):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["expired"], permille=0, expired_key=s3_server.access_key)
    answers = [plain.get("there") for _ in range(12)]
    assert {status for status, _, _ in answers} == {400, 403}
    assert all(b"<Code>ExpiredToken</Code>" in body for _, _, body in answers)
    proxy.configure(expired_key="another")
    assert plain.get("there")[0] == 200


def test_the_share_is_the_one_asked_for_and_the_seed_repeats_it(fault_proxy, s3_server, bucket):
    seen = []
    for seed in (1, 1, 2):
        proxy = fault_proxy(permille=200, kinds=["slow-down"], seed=seed)
        plain = Plain(proxy.endpoint, s3_server, bucket)
        connection = http.client.HTTPConnection(plain.address, timeout=10)
        seen.append([plain.ask("HEAD", "none", connection=connection)[0] for _ in range(300)])
        connection.close()
    assert seen[0] == seen[1] != seen[2]
    assert 40 <= seen[0].count(503) <= 80


def test_a_rate_and_a_delay(proxied):
    proxy, plain, _ = proxied
    proxy.configure(bytes_per_second=40 * SIZE, latency_ms=50)
    began = time.monotonic()
    assert plain.put("slow", BODY * 20)[0] == 200
    assert 0.5 < time.monotonic() - began < 2


def test_a_server_that_is_away_for_a_moment(proxied):
    proxy, plain, _ = proxied
    connection = http.client.HTTPConnection(plain.address, timeout=10)
    plain.get("there", connection=connection)
    proxy.down(ms=300)
    with pytest.raises(ConnectionError):
        plain.get("there", connection=connection)
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        plain.get("there")
    end = time.monotonic() + 5
    while True:
        try:
            assert plain.get("there")[0] == 200
            break
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_every_kind_is_known_to_both_sides(proxied):
    proxy, _, _ = proxied
    proxy.configure(kinds=ALL)
    assert set(proxy.stats().faults) == {*ALL, "expired"}

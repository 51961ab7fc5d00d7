"""Runs through a proxy that resets, stalls, lies and refuses: they end right, byte for byte.

First the proxy itself: each fault is seen by a plain HTTP client, so that none of the runs passes
because nothing happened.
"""

import contextlib
import http.client
import http.server
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from datasync_runner.checksums import crc64, to_header
from fixtures import s3
from fixtures.faults import ALL, EXPIRED
from fixtures.testbed import SCRIPTS, slot
from fixtures.testbed import run as run_script
from storage.looks import (
    MIB,
    Plain,
    files,
    finished,
    grow,
    run,
    same,
    started,
    tree_of,
    uploads,
    wait_for,
)
from storage.sides import credentials, posix_side, s3_side

BODY = bytes(range(256)) * 40
SIZE = len(BODY)


def get(plain, key, **more):
    return plain.ask("GET", key, x_amz_checksum_mode="ENABLED", **more)


@pytest.fixture
def proxied(fault_proxy, s3_server, s3_client, bucket):
    """A client before the proxy, the proxy without faults, and what the server really holds."""
    proxy = fault_proxy(permille=1000, kinds=[], stall_ms=300)
    plain = Plain(proxy.endpoint, s3_server, bucket)
    assert plain.put("there", BODY)[0] == 200
    proxy.zero()

    def held(key):
        found = s3_client.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
        return s3_client.get_object(Bucket=bucket, Key=key)["Body"].read() if found else None

    return proxy, plain, held


def test_what_is_no_fault_passes_unchanged(proxied):
    """Keys that need escapes, large bodies, chunked answers, bodiless answers: one connection."""
    proxy, plain, held = proxied
    connection = plain.connection()
    large = BODY * 200
    for key, body in (("a%20b%2Bc/%C3%BC", BODY), ("large", large), ("empty", b"")):
        assert plain.put(key, body, connection=connection)[0] == 200
        status, headers, found = get(plain, key, connection=connection)
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
        contextlib.ExitStack() as stack,
    ):
        pool.submit(server.serve_forever, 0.05)
        stack.callback(server.shutdown)
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
        # Small, so that it is sent whole before the answer's end closes the connection.
        connection.request("POST", "/b/k", iter([b"2" * 20_000]), encode_chunked=True)
        with connection.getresponse() as answer, pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()


def test_a_body_that_the_server_asks_for_first(proxied):
    _, plain, held = proxied
    assert plain.put("waited", BODY, expect="100-continue")[0] == 200
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
    connection = plain.connection()  # reopens when closed
    for method in ("GET", "DELETE"):
        status, headers, body = plain.ask(method, "there", connection=connection)
        assert status == expected[0]
        assert expected[1] in body
        assert "date" in headers
    assert plain.ask("HEAD", "there", connection=connection)[::2] == (expected[0], b"")
    for number in range(12):
        assert plain.put(f"f{number:02}", BODY, connection=connection)[0] == expected[0]
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
            plain.put(f"f{number:02}", BODY)
    assert {held(f"f{number:02}") for number in range(12)} == {None, BODY}


def test_a_reset_in_the_middle_of_an_answer(proxied):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["reset-body"])
    for _ in range(5):
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            get(plain, "there")
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        plain.ask("GET", "", query="list-type=2")
    assert plain.put("fine", BODY)[0] == 200
    assert proxy.stats().faults["reset-body"] == 6


def test_a_truncated_answer(proxied):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["truncate"])
    for _ in range(5):
        with pytest.raises(http.client.IncompleteRead) as caught:
            get(plain, "there")
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
            get(plain, "there")
        assert 0.3 <= time.monotonic() - began < 2
        seen.add(caught.type)
    assert len(seen) == 2


def test_a_wrong_checksum(proxied):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["checksum"])
    for status, headers, body in (get(plain, "there"), plain.put("there", BODY)):
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
    status, headers, body = get(plain, "there")
    assert (status, differing_bits(body, BODY)) == (200, 1)
    assert headers["x-amz-checksum-crc64nvme"] == to_header(crc64(BODY))
    assert held("there") == BODY


def test_a_bit_flipped_on_the_way_up(proxied):
    """With a checksum the server refuses it; without one it stores it."""
    proxy, plain, held = proxied
    proxy.configure(kinds=["flip-up"])
    assert plain.put("new", BODY)[0] == 400
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
    assert plain.put("fine", BODY)[0] == 200


def test_an_expired_key_until_another_one_signs(proxied, s3_server):
    proxy, plain, _ = proxied
    proxy.configure(kinds=["expired"], permille=0, expired_key=s3_server.access_key)
    answers = [get(plain, "there") for _ in range(12)]
    assert {status for status, _, _ in answers} == {400, 403}
    assert all(b"<Code>ExpiredToken</Code>" in body for _, _, body in answers)
    proxy.configure(expired_key="another")
    assert get(plain, "there")[0] == 200


def test_the_share_is_the_one_asked_for_and_the_seed_repeats_it(fault_proxy, s3_server, bucket):
    seen = []
    for seed in (1, 1, 2):
        proxy = fault_proxy(permille=200, kinds=["slow-down"], seed=seed)
        plain = Plain(proxy.endpoint, s3_server, bucket)
        connection = plain.connection()
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
    connection = plain.connection()
    get(plain, "there", connection=connection)
    proxy.down(ms=300)
    with pytest.raises(ConnectionError):
        get(plain, "there", connection=connection)
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        get(plain, "there")
    end = time.monotonic() + 5
    while True:
        try:
            assert get(plain, "there")[0] == 200
            break
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_every_kind_is_known_to_both_sides(proxied):
    proxy, _, _ = proxied
    proxy.configure(kinds=ALL)
    assert set(proxy.stats().faults) == {*ALL, "expired"}


@pytest.fixture(scope="module")
def tree():
    return tree_of(1500)


@pytest.fixture
def secret(tmp_path, s3_server):
    return credentials(tmp_path / "secret", s3_server)


def through(proxy, side):
    """The same side behind the proxy."""
    return side.model_copy(update={"endpoint": proxy.endpoint})


def nothing_is_left(client, bucket, root=None):
    assert uploads(client, bucket) == []
    assert root is None or list(root.rglob(".datasync-*")) == []


def there_and_back(tmp_path, server, client, bucket, secret, proxy, tree):
    """Two runs through a proxy, from a folder to a bucket and on to another folder."""
    source, back = tmp_path / "source", tmp_path / "back"
    back.mkdir()
    grow(source, tree)
    side = through(proxy, s3_side(server, bucket, secret, "p/"))
    run(tmp_path, posix_side(source), side)
    same(Plain(server.endpoint, server, bucket).files(client, "p/"), tree)
    nothing_is_left(client, bucket)
    yield
    run(tmp_path, side, posix_side(back))
    same(files(back), tree)
    nothing_is_left(client, bucket, back)


@pytest.mark.timeout(60)
def test_there_and_back_with_every_fault(
    tmp_path, s3_server, s3_client, bucket, secret, fault_proxy, tree
):
    proxy = fault_proxy(permille=50, stall_ms=500)
    for _ in there_and_back(tmp_path, s3_server, s3_client, bucket, secret, proxy, tree):
        up = proxy.stats()
        proxy.zero()
    down = proxy.stats()
    for stats in (up, down):
        assert sum(stats.faults.values()) >= stats.requests * 0.03
        print(stats)
    assert {kind for kind in ALL if up.faults[kind] + down.faults[kind] == 0} <= {"error-in-200"}


@pytest.mark.timeout(60)
def test_across_endpoints_with_every_fault(
    tmp_path, s3_server, s3_client, bucket, secret, fault_proxy, tree
):
    plain = Plain(s3_server.endpoint, s3_server, bucket)
    plain.fill("a/", tree)
    one, other = (fault_proxy(permille=50, seed=seed, stall_ms=500) for seed in (8, 9))
    run(
        tmp_path,
        through(one, s3_side(s3_server, bucket, secret, "a/")),
        through(other, s3_side(s3_server, bucket, secret, "b/")),
    )
    same(plain.files(s3_client, "b/"), tree)
    nothing_is_left(s3_client, bucket)
    for proxy in (one, other):
        stats = proxy.stats()
        assert sum(stats.faults.values()) >= stats.requests * 0.03
        print(stats)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "error-in-200"])
def test_there_and_back_with_one_kind(
    tmp_path, s3_server, s3_client, bucket, secret, fault_proxy, kind
):
    proxy = fault_proxy(permille=50, kinds=[kind], stall_ms=500)
    some = tree_of(200, (9 * MIB, 17 * MIB))
    for _ in there_and_back(tmp_path, s3_server, s3_client, bucket, secret, proxy, some):
        pass
    assert proxy.stats().faults[kind] > 0


def test_completions_that_fail_within_a_200(
    tmp_path, s3_server, s3_client, bucket, secret, fault_proxy
):
    proxy = fault_proxy(permille=1000, kinds=["error-in-200"])
    proxy.configure(limit=2)
    some = tree_of(5, (17 * MIB, 18 * MIB))
    for _ in there_and_back(tmp_path, s3_server, s3_client, bucket, secret, proxy, some):
        assert proxy.stats().faults["error-in-200"] == 2


def mounted(folder, server):
    """A Secret as the kubelet mounts it: files are links into a folder that is swapped whole."""
    folder.mkdir()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (folder / name).symlink_to(f"..data/{name}")
    rotate(folder, server, "")
    return folder


def rotate(folder, server, ending):
    """Swap the Secret for the keys with this ending, which the server takes as well."""
    fresh = folder / f"..version{ending}"
    fresh.mkdir()
    (fresh / "AWS_ACCESS_KEY_ID").write_text(server.access_key + ending)
    (fresh / "AWS_SECRET_ACCESS_KEY").write_text(server.secret_key + ending)
    (folder / "..data.new").symlink_to(fresh.name)
    (folder / "..data.new").rename(folder / "..data")


@pytest.mark.timeout(40)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_credentials_that_expire_while_it_runs(
    tmp_path, s3_server, s3_client, bucket, fault_proxy, direction
):
    some = tree_of(300, (9 * MIB, 17 * MIB))
    folder = tmp_path / "folder"
    folder.mkdir()
    plain = Plain(s3_server.endpoint, s3_server, bucket)
    secret = mounted(tmp_path / "secret", s3_server)
    proxy = fault_proxy(permille=0, expired_key=s3_server.access_key)
    proxy.configure(bytes_per_second=16 * MIB)
    sides = [posix_side(folder), through(proxy, s3_side(s3_server, bucket, secret, "p/"))]
    if direction == "up":
        grow(folder, some)
    else:
        plain.fill("p/", some)
        sides.reverse()
    with started(tmp_path, *sides) as process:
        wait_for(lambda: proxy.stats().requests > 50, "a run in full swing", process)
        proxy.configure(kinds=[EXPIRED])
        wait_for(lambda: proxy.stats().faults[EXPIRED] > 2, "refusals", process)
        rotate(secret, s3_server, "-2")
        proxy.configure(bytes_per_second=0)
        finished(process, tmp_path, seconds=25)
    same(files(folder), some)
    same(plain.files(s3_client, "p/"), some)
    nothing_is_left(s3_client, bucket, folder)


FIRST_PORT = 21000


@pytest.mark.timeout(60)
def test_a_server_that_is_killed_and_comes_back_while_it_runs(tmp_path, tree):
    """With all it held: what it confirmed is there, what it did not is sent again."""
    with slot("s3-restart") as number:
        name = f"pytest-s3-restart-{number}"
        port = s3.free_port(FIRST_PORT + number * s3.PORTS_PER_SLOT)
        server = s3.start("--port", str(port), name=name)
        client = server.client()
        try:
            bucket = s3.make_bucket(client)
            source = tmp_path / "source"
            grow(source, tree)
            side = s3_side(server, bucket, credentials(tmp_path / "secret", server), "p/")
            with started(tmp_path, posix_side(source), side) as process:

                def arrived():
                    return client.list_objects_v2(Bucket=bucket, Prefix="p/folder-")["KeyCount"]

                wait_for(arrived, "the first file", process)
                environment = {"STORAGE_NAME": name}
                run_script(SCRIPTS / "s3.sh", "crash", environment=environment)
                assert process.poll() is None
                again = ("up", "--keep", "--port", str(port))
                run_script(SCRIPTS / "s3.sh", *again, environment=environment)
                finished(process, tmp_path)
            same(Plain(server.endpoint, server, bucket).files(client, "p/"), tree)
            nothing_is_left(client, bucket)
        finally:
            client.close()
            s3.stop(name)


@pytest.mark.timeout(40)
def test_a_server_that_is_away_while_files_are_restored(
    tmp_path, s3_server, s3_client, bucket, secret, fault_proxy
):
    some = tree_of(300)
    Plain(s3_server.endpoint, s3_server, bucket).fill("p/", some)
    back = tmp_path / "back"
    back.mkdir()
    proxy = fault_proxy(permille=0)
    proxy.configure(bytes_per_second=24 * MIB)
    side = through(proxy, s3_side(s3_server, bucket, secret, "p/"))
    with started(tmp_path, side, posix_side(back)) as process:
        wait_for(lambda: proxy.stats().requests > 50, "a run in full swing", process)
        proxy.down(ms=3000)
        proxy.configure(bytes_per_second=0)
        finished(process, tmp_path)
    same(files(back), some)
    nothing_is_left(s3_client, bucket, back)

"""The client before a server with a script: what is sent again, how it is signed, what ends it."""

import asyncio
import ssl
import subprocess
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from datasync_api.sides import S3Side
from datasync_runner.checksums import crc64, to_header
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.engine.patient import Patient
from datasync_runner.storage import errors
from datasync_runner.storage.s3 import retries
from datasync_runner.storage.s3.algorithms import ALGORITHMS
from datasync_runner.storage.s3.calls import Call
from datasync_runner.storage.s3.client import MAX_MENDS, Client
from datasync_runner.storage.s3.copies import copy
from datasync_runner.storage.s3.limits import FIRST
from datasync_runner.storage.s3.metadata import CHECKSUM
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.pieces import Pieces
from datasync_runner.storage.s3.reader import ObjectReader
from datasync_runner.storage.s3.retries import TRIES
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.s3.uploads import Part, Uploads
from datasync_runner.storage.throttle import Throttle
from datasync_runner.storage.values import Content, Written
from fakes.s3_answers import CLOSE, Reply, error, serve

OK = Reply(200, b"fine")
SLOW_DOWN = error(503, "SlowDown")
BROKEN = error(500, "InternalError")
FILE = Entry(b"f", Kind.FILE, 4)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The pauses' shape is test_retries' business."""
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.002)


@pytest.fixture
def secret(tmp_path):
    folder = tmp_path / "secret"
    folder.mkdir()
    rotate(folder, "OLD")
    return folder


def rotate(folder, access_key):
    (folder / "AWS_ACCESS_KEY_ID").write_text(access_key)
    (folder / "AWS_SECRET_ACCESS_KEY").write_text(f"secret-of-{access_key}")


def side_of(server, secret, **more):
    return S3Side(
        uri="s3://data/",
        bucket="data",
        region="us-east-1",
        endpoint=server.endpoint,
        addressing_style="Path",
        credentials_path=str(secret),
        **more,
    )


@asynccontextmanager
async def client_of(server, secret, **more):
    client = Client(side_of(server, secret, **more))
    yield client
    client.close()


class Taken:
    """A sink that keeps what it took since it began last."""

    def __init__(self) -> None:
        self.body, self.begun = b"", 0

    @property
    def taken_bytes(self) -> int:
        return len(self.body)

    def begin(self) -> None:
        self.body, self.begun = b"", self.begun + 1

    def take(self, pieces) -> None:
        self.body += b"".join(pieces)


async def pour(client, size_bytes):
    """What a sink had in the end of a range of so many bytes."""
    sink = Taken()
    entry = Entry(b"f", Kind.FILE, size_bytes, etag='"1"')
    reader = ObjectReader(client, client.path("f"), entry, checksum=None)
    await reader.pour(0, size_bytes, sink)
    return sink


def get(client, **more):
    return client.ask(Call("GetObject", "GET", client.path("f"), key=b"f", **more))


async def one(start, *arguments):
    """The answer of a method of Objects."""
    answer = asyncio.get_running_loop().create_future()
    start(*arguments, answer.set_result)
    return await answer


@pytest.mark.parametrize("status", [400, 403])
async def test_an_expired_token_is_read_anew_and_the_request_sent_again(secret, status):
    def answers(asked):
        return OK if asked.access_key == "NEW" else error(status, "ExpiredToken")

    with serve(answers) as server:
        async with client_of(server, secret) as client:
            rotate(secret, "NEW")
            assert (await get(client)).body == b"fine"
            assert (await get(client)).body == b"fine"
    assert [asked.access_key for asked in server.asked] == ["OLD", "NEW", "NEW"]


async def test_many_requests_with_an_expired_token_are_renewed_once(secret, monkeypatch):
    def answers(asked):
        return OK if asked.access_key == "NEW" else error(400, "ExpiredToken")

    with serve(answers) as server:
        async with client_of(server, secret) as client:
            reads = []
            refresh = client._source.refresh
            monkeypatch.setattr(client._source, "refresh", lambda: reads.append(1) or refresh())
            rotate(secret, "NEW")
            found = await asyncio.gather(*(get(client) for _ in range(12)))
    assert [answer.body for answer in found] == [b"fine"] * 12
    assert len(reads) == 1
    assert len(server.asked) <= 24


async def test_a_token_that_stays_expired_ends_the_run(secret):
    with serve([error(400, "ExpiredToken")]) as server:
        async with client_of(server, secret) as client:
            with pytest.raises(errors.CredentialsRefused, match="ExpiredToken"):
                await get(client)
    assert len(server.asked) == 1 + MAX_MENDS


def stamp(seconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


async def test_a_wrong_clock_is_corrected_to_the_servers(secret):
    """ServerTime stands in the body; the next requests are right at once."""
    server_seconds = time.time() + 7200
    told = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(server_seconds))
    skewed = error(403, "RequestTimeTooSkewed", f"<ServerTime>{told}</ServerTime>")
    with serve([skewed, OK]) as server:
        async with client_of(server, secret) as client:
            await get(client)
            await get(client)
    first, *others = (asked.headers["x-amz-date"] for asked in server.asked)
    assert first < stamp(server_seconds - 7000)
    assert len(others) == 2
    for found in others:
        assert stamp(server_seconds - 5) <= found <= stamp(server_seconds + 30)


async def test_a_wrong_clock_by_the_header_date(secret):
    server_seconds = time.time() - 7200
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(server_seconds))
    with serve([error(403, "RequestTimeTooSkewed", date=date), OK]) as server:
        async with client_of(server, secret) as client:
            await get(client)
    assert server.asked[1].headers["x-amz-date"] <= stamp(server_seconds + 30)


async def test_a_server_that_tells_no_time_is_not_asked_again(secret):
    with serve([error(403, "RequestTimeTooSkewed")]) as server:
        async with client_of(server, secret) as client:
            with pytest.raises(errors.CredentialsRefused, match="NTP"):
                await get(client)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "moved",
    [
        error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
        error(400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
    ],
    ids=["redirect", "malformed"],
)
async def test_a_bucket_in_another_region_is_signed_for_there(secret, moved):
    """At an endpoint of one's own the host stays; no address is taken from the answer."""

    def answers(asked):
        return OK if asked.region == "eu-west-1" else moved

    with serve(answers) as server:
        async with client_of(server, secret) as client:
            assert (await get(client)).body == b"fine"
            assert (await get(client)).body == b"fine"
    assert [asked.region for asked in server.asked] == ["us-east-1", "eu-west-1", "eu-west-1"]


async def test_a_bucket_that_moves_in_circles_is_a_wrong_configuration(secret):
    def answers(asked):
        other = "eu-west-1" if asked.region == "us-east-1" else "us-east-1"
        return error(301, "PermanentRedirect", x_amz_bucket_region=other)

    with serve(answers) as server:
        async with client_of(server, secret) as client:
            with pytest.raises(errors.ConfigurationInvalid, match="region"):
                await get(client)
    assert len(server.asked) == 1 + MAX_MENDS


async def test_a_slow_down_is_waited_for_with_fewer_connections(secret):
    with serve([SLOW_DOWN, SLOW_DOWN, OK]) as server:
        async with client_of(server, secret) as client:
            assert (await get(client)).body == b"fine"
            assert client._http.limit.limit == FIRST // 2
    assert len(server.asked) == 3


async def test_a_storage_that_stays_broken_is_unavailable(secret):
    with serve([BROKEN]) as server:
        async with client_of(server, secret) as client:
            with pytest.raises(errors.Unavailable, match="InternalError") as caught:
                await get(client)
    assert caught.value.key == b"f"
    assert len(server.asked) == TRIES
    assert client.requests == TRIES


async def test_five_failures_and_then_an_answer(secret):
    with serve([BROKEN, CLOSE, SLOW_DOWN, Reply(502, b"<html>"), Reply(429), OK]) as server:
        async with client_of(server, secret) as client:
            assert (await get(client)).body == b"fine"
    assert len(server.asked) == 6


async def test_each_attempt_has_a_signature_of_its_own_time(secret, monkeypatch):
    now = 1_795_000_000.0

    def answers(asked):
        monkeypatch.setattr(time, "time", lambda: now + 60 * len(server.asked))
        return OK if len(server.asked) == 3 else BROKEN

    monkeypatch.setattr(time, "time", lambda: now)
    with serve(answers) as server:
        async with client_of(server, secret) as client:
            await get(client)
    found = [asked.headers["x-amz-date"] for asked in server.asked]
    assert found == [stamp(now), stamp(now + 60), stamp(now + 120)]


async def test_a_copy_that_failed_within_a_200_is_sent_again(secret):
    copied = Reply(200, b'<CopyObjectResult><ETag>"1"</ETag></CopyObjectResult>')
    failed = error(200, "InternalError")
    with serve([failed, failed, copied]) as server:
        async with client_of(server, secret) as client:
            call = partial(copy, Objects(client))
            written = await one(call, FILE._replace(etag='"1"'), client.side)
    assert isinstance(written, Written)
    assert written.proven
    assert len(server.asked) == 3


async def test_an_object_that_looks_like_an_error_is_an_object(secret):
    """Only copies and completions say in a 200 that they failed."""
    with serve([error(200, "InternalError")]) as server:
        async with client_of(server, secret) as client:
            content = await one(Objects(client).read, FILE)
    assert content.body.startswith(b"<?xml")
    assert len(server.asked) == 1


@pytest.mark.parametrize("broken", [CLOSE, Reply(200, b"fine", cut_bytes=2)], ids=["none", "half"])
async def test_a_connection_that_is_closed_too_soon(secret, broken):
    with serve([broken, OK]) as server:
        async with client_of(server, secret) as client:
            content = await one(Objects(client).read, FILE)
    assert content.body == b"fine"
    assert len(server.asked) == 2


async def test_a_body_that_arrives_damaged_is_asked_for_again(secret):
    headers = {"X-Amz-Checksum-Crc64nvme": to_header(crc64(b"fine"))}
    with serve([Reply(200, b"finf", headers), Reply(200, b"fine", headers)]) as server:
        async with client_of(server, secret) as client:
            content = await one(Objects(client).read, FILE)
    assert content.body == b"fine"
    assert len(server.asked) == 2


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
async def test_a_body_that_is_damaged_at_rest_is_never_given_out(secret, algorithm):
    """Whatever the object is stored with: it is as its writer chose."""
    with serve([Reply(200, b"finf", {algorithm.header: algorithm.of(b"fine")})]) as server:
        async with client_of(server, secret) as client:
            answer = await one(Objects(client).read, FILE)
    assert isinstance(answer, errors.Unavailable)
    assert "checksum" in answer.message
    assert len(server.asked) == TRIES


async def test_no_right_is_said_once(secret):
    with serve([error(403, "AccessDenied")]) as server:
        async with client_of(server, secret) as client:
            with pytest.raises(errors.Denied) as caught:
                await get(client)
    assert caught.value.error_code == "AccessDenied"
    assert len(server.asked) == 1


async def test_a_call_that_is_asked_once_is_not_repeated(secret):
    with serve([BROKEN]) as server:
        async with client_of(server, secret) as client:
            call = Call("GetObject", "GET", client.path("f"))
            call.once = True
            with pytest.raises(errors.Unavailable):
                await client.ask(call)
    assert len(server.asked) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, and a server's context with it."""
    folder = tmp_path_factory.mktemp("tls")
    key, path = folder / "key", folder / "certificate"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=here"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", path]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return path, context


async def test_a_certificate_that_nobody_vouches_for(secret, certificate):
    path, context = certificate
    with serve([OK], tls=context) as server:
        async with client_of(server, secret) as client:
            with pytest.raises(errors.ConfigurationInvalid, match="caBundle") as caught:
                await get(client)
        assert server.endpoint in caught.value.message
        assert server.asked == []
        async with client_of(server, secret, ca_bundle_path=str(path)) as client:
            assert (await get(client)).body == b"fine"


def signed(folder, *, address="127.0.0.1", from_days=-1, to_days=1):
    """A certificate that signs itself, of a time and for an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=from_days))
        .not_valid_after(now + timedelta(days=to_days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        .sign(key, hashes.SHA256())
    )
    path, keys = folder / "certificate", folder / "key"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    keys.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, keys)
    return path, context


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ({"from_days": -3, "to_days": -1}, "renew it at the server"),
        ({"from_days": 1, "to_days": 3}, "set the clock of this node by NTP"),
        ({"address": "10.0.0.1"}, "write in endpoint a name that the certificate has"),
    ],
    ids=["expired", "not yet valid", "of another name"],
)
async def test_a_certificate_that_is_wrong_says_how_it_is_mended(secret, tmp_path, change, how):
    path, context = signed(tmp_path, **change)
    with serve([OK], tls=context) as server:
        async with client_of(server, secret, ca_bundle_path=str(path)) as client:
            with pytest.raises(errors.ConfigurationInvalid, match=how) as caught:
                await get(client)
    assert "caBundle" not in caught.value.message


NO_S3 = {
    "a page": (Reply(200, b"<html><title>Console</title><br></html>"), "<html><title>Console"),
    "nothing": (Reply(200, b""), "no listing, but ''"),
    "JSON": (Reply(200, b'{"ok": true}'), '{"ok": true}'),
    "a page that is missing": (Reply(404, b"<html><title>Not here</title>"), "404: Not here"),
    "a login": (Reply(401, b"<html><p>Hello</p></html>"), "401: Unauthorized"),
    "a way elsewhere": (Reply(302, b"", {"Location": "http://login/"}), "302: Found"),
    "a port of TLS": (
        Reply(400, b"Client sent an HTTP request to an HTTPS server.\n"),
        "400: Client sent an HTTP request to an HTTPS server.",
    ),
}


@pytest.mark.parametrize("name", NO_S3)
async def test_what_is_no_s3_is_told_before_anything_is_listed(secret, name):
    reply, words = NO_S3[name]
    with serve([reply]) as server:
        storage = S3Storage(side_of(server, secret))
        with pytest.raises(errors.ConfigurationInvalid) as caught:
            await storage.check()
        await storage.close()
    told = caught.value.message
    assert told.startswith(f"s3://data/: {server.endpoint} does not answer as an S3 server does")
    assert words in told
    assert "correct endpoint of the location" in told


S3_SAYS_NO = {
    "AllAccessDisabled": 403,
    "InvalidBucketName": 400,
    "InvalidRegionName": 400,
    "NoSuchAccessPoint": 404,
    "UserSuspended": 403,
}


@pytest.mark.parametrize("code", S3_SAYS_NO)
async def test_a_refusal_of_s3_itself_is_told_in_its_own_words(secret, code):
    with serve([error(S3_SAYS_NO[code], code)]) as server:
        storage = S3Storage(side_of(server, secret))
        with pytest.raises(errors.ConfigurationInvalid) as caught:
            await Patient(storage).check()
        await storage.close()
    told = caught.value.message
    assert told == f"the location cannot be used: ListObjectsV2: {code}: said so"


async def test_https_at_a_port_of_http_is_told(secret):
    with serve([OK]) as server:
        endpoint = server.endpoint.replace("http://", "https://")
        side = side_of(server, secret).model_copy(update={"endpoint": endpoint})
        client = Client(side)
        with pytest.raises(errors.Unavailable, match="set allowInsecure: true") as caught:
            await get(client)
        client.close()
        assert f"the endpoint {endpoint} does not speak TLS on this port" in caught.value.message
        assert server.asked == []


def believing(asked):
    """A server that knows the header of the checksum, gives it back, and never computes one."""
    echo = {CHECKSUM: asked.headers[CHECKSUM]} if CHECKSUM in asked.headers else {}
    if asked.method in ("GET", "HEAD"):
        body = b"bad!"
        return Reply(200, body, {CHECKSUM: to_header(crc64(b"fine")), "ETag": '"1"'})
    return Reply(200, b"", {**echo, "ETag": '"1"'})


async def test_a_server_that_does_not_check_proves_nothing(secret, caplog):
    """It echoes the checksum, and would state it in HEAD: what is there is read back, and told."""
    caplog.set_level("INFO", logger="datasync_runner")
    with serve(believing) as server:
        storage = S3Storage(side_of(server, secret))
        (written,) = await storage.write_small([Content(FILE, b"fine")])
        assert isinstance(written, Written)
        assert not written.proven
        wrong, right = (asked.headers[CHECKSUM] for asked in server.asked)
        assert wrong != right == to_header(crc64(b"fine"))
        (answer,) = await storage.verify([written])
        assert isinstance(answer, errors.VerificationFailed)
        assert server.asked[-1].method == "GET"
        await storage.close()
    (told,) = [record for record in caplog.records if record.message == "notChecked"]
    assert told.fields["location"] == side_of(server, secret).uri


async def test_a_server_that_refuses_a_wrong_checksum_proves(secret, caplog):
    caplog.set_level("INFO", logger="datasync_runner")

    def answers(asked):
        stated = asked.headers[CHECKSUM]
        if stated != to_header(crc64(asked.body)):
            return error(400, "BadDigest")
        return Reply(200, b"", {CHECKSUM: stated})

    with serve(answers) as server:
        storage = S3Storage(side_of(server, secret))
        contents = [Content(FILE, b"fine"), Content(FILE._replace(key=b"g"), b"larger body")]
        written = await storage.write_small(contents)
        assert all(one.proven for one in written)
        assert len(server.asked) == 3
        await storage.close()
    assert "notChecked" not in caplog.messages


async def test_a_server_that_gives_no_clear_answer_is_asked_next_time(secret):
    with serve([BROKEN, OK]) as server:
        storage = S3Storage(side_of(server, secret))
        (written,) = await storage.write_small([Content(FILE, b"fine")])
        assert not written.proven
        assert storage._objects.checks is None
        await storage.close()


async def test_an_upload_that_states_another_checksum_is_left_alone(secret):
    """Of another tool; ours, and those of servers that state nothing, may be continued."""
    uploads = "".join(
        f"<Upload><Key>{key}</Key><UploadId>{name}</UploadId>{algorithm}</Upload>"
        for key, name, algorithm in [
            ("f", "theirs", "<ChecksumAlgorithm>SHA256</ChecksumAlgorithm>"),
            ("f", "ours", "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"),
            ("f", "silent", ""),
            ("f-2", "of-another-key", ""),
            ("a&amp;b", "escaped", ""),
        ]
    )
    answer = f"<ListMultipartUploadsResult>{uploads}</ListMultipartUploadsResult>"
    with serve([Reply(200, answer.encode())]) as server:
        async with client_of(server, secret) as client:
            found = Uploads(Objects(client))
            assert await found.of(b"f") == ["ours", "silent"]
            assert await found.of(b"a&b") == ["escaped"]


async def test_who_may_not_list_uploads_sees_none(secret):
    with serve([error(403, "AccessDenied")]) as server:
        async with client_of(server, secret) as client:
            assert await Uploads(Objects(client)).of(b"f") == []


async def test_parts_come_in_pages(secret):
    def answers(asked):
        marker = int(asked.path.split("part-number-marker=")[1].split("&")[0])
        numbers = range(marker + 1, min(marker + 3, 6))
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{number}&quot;</ETag>"
            f"<Size>7</Size><ChecksumCRC64NVME>{to_header(number)}</ChecksumCRC64NVME></Part>"
            for number in numbers
        )
        more = f"<NextPartNumberMarker>{numbers[-1]}</NextPartNumberMarker>"
        more += f"<IsTruncated>{str(numbers[-1] < 5).lower()}</IsTruncated>"
        return Reply(200, f"<ListPartsResult>{more}{parts}</ListPartsResult>".encode())

    with serve(answers) as server:
        async with client_of(server, secret) as client:
            found = await Uploads(Objects(client)).parts(b"f", "id")
    assert found == {number: Part(f'"{number}"', to_header(number), 7) for number in range(1, 6)}
    assert len(server.asked) == 3


RANGE = bytes(range(256)) * 8000


@pytest.mark.parametrize("size", [1, len(RANGE)])
@pytest.mark.parametrize(
    "before",
    [
        pytest.param([], id="at once"),
        pytest.param([SLOW_DOWN, BROKEN], id="behind errors, whose bodies are no content"),
        pytest.param([Reply(206, RANGE, cut_bytes=700_000)], id="behind an answer that broke off"),
        pytest.param([Reply(206, RANGE + b"!")], id="behind one that was too long"),
        pytest.param([Reply(206, b"")], id="behind one that was too short"),
    ],
)
async def test_a_sink_has_the_range_once(secret, before, size):
    with serve([*before, Reply(206, RANGE[:size])]) as server:
        async with client_of(server, secret) as client:
            sink = await pour(client, size)
            assert (await get(client)).body == RANGE[:size]  # the handle serves as any other now
    assert (sink.body, sink.begun) == (RANGE[:size], len(before) + 1)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (error(412, "PreconditionFailed"), errors.ChangedDuringTransfer),
        (error(404, "NoSuchKey"), errors.Missing),
        (Reply(200, RANGE), errors.NotSupported),
    ],
)
async def test_what_is_no_range_reaches_no_sink(secret, reply, expected):
    sink = Taken()
    with serve([reply]) as server:
        async with client_of(server, secret) as client:
            reader = ObjectReader(client, client.path("f"), FILE, checksum=None)
            with pytest.raises(expected):
                await reader.pour(0, 4, sink)
    assert sink.body == b""


async def test_a_sink_is_filled_at_the_rate_of_the_run(secret):
    """A tenth of the range at once, the rest in the second that it takes."""
    throttle = Throttle(len(RANGE))
    with serve([Reply(206, RANGE)]) as server:
        client = Client(side_of(server, secret), throttle=throttle)
        began = time.monotonic()
        sink = await pour(client, len(RANGE))
        assert time.monotonic() - began > 0.5
        client.close()
    throttle.close()
    assert sink.body == RANGE


PART = [RANGE[at : at + 16_000] for at in range(0, len(RANGE), 16_000)]


@pytest.mark.parametrize("signing", ["Always", "Never"])
@pytest.mark.parametrize("bytes_per_second", [-1, 50_000_000])
async def test_a_body_in_pieces_arrives_whole_also_when_it_is_sent_again(
    secret, signing, bytes_per_second
):
    """By a connection as well that the server has closed, where libcurl begins anew by itself."""
    throttle = Throttle(bytes_per_second)
    with serve([OK, CLOSE, SLOW_DOWN, OK, Reply(200, b"fine", cut_bytes=4), OK]) as server:
        side = side_of(server, secret, payload_signing=signing)
        client = Client(side, throttle=throttle)
        for _ in range(4):
            body = Pieces(PART)
            await client.ask(Call("UploadPart", "PUT", client.path("f"), body=body))
            await asyncio.sleep(0)
        assert (await client.ask(Call("PutObject", "PUT", client.path("f"), body=b"b"))).body
        client.close()
    throttle.close()
    assert [asked.body for asked in server.asked] == [RANGE] * 6 + [b"b"]

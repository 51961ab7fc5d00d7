"""The log in CloudWatch Logs: group, stream and lines as configured, and no failure of it a run's.

The service is a small one of our own, which keeps the limits of batches, and once moto.
"""

import json
import socket
import subprocess
import sys
import time

import botocore.session
import pytest
from moto import mock_aws

from datasync_api.logging_target import CloudWatchStream
from datasync_api.report import TransferResult
from datasync_runner.cloudwatch import CloudWatchLogStream, rejected
from datasync_runner.core.log_batches import Event
from datasync_runner.log_delivery import DeliveryRefused, DeliveryUnavailable
from fakes.log_service import LogService

EVENTS = [Event(1_777_604_400_000, '{"event": "started"}'), Event(1_777_604_400_001, "ä")]


def stream(**more):
    return CloudWatchStream(
        **{
            "log_group": "/aws/datasync",
            "log_stream": "nightly/first",
            "region": "eu-west-1",
            **more,
        }
    )


@pytest.fixture(autouse=True)
def identity(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "example")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service(monkeypatch):
    found = LogService()
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", found.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    yield found
    found.close()


@pytest.fixture
def group(service):
    service.groups["/aws/datasync"] = {"retention": 7, "streams": {}}
    return service.groups["/aws/datasync"]


def test_lines_go_into_the_stream_of_a_group_that_exists(service, group):
    target = CloudWatchLogStream(stream())
    target.open()
    assert target.send(EVENTS) == 0
    assert group["streams"]["nightly/first"] == [
        {"timestamp": event.at_ms, "message": event.line} for event in EVENTS
    ]
    assert service.calls == ["CreateLogStream", "PutLogEvents"]


def test_a_further_attempt_of_the_run_goes_on_in_its_stream(group):
    for _ in range(2):
        target = CloudWatchLogStream(stream())
        target.open()
        target.send(EVENTS[:1])
    assert len(group["streams"]["nightly/first"]) == 2


@pytest.mark.parametrize(("days", "retention"), [(None, None), (30, 30)])
def test_a_missing_group_is_made_where_that_is_asked_for(service, days, retention):
    CloudWatchLogStream(stream(create_log_group=True, retention_days=days)).open()
    assert service.groups["/aws/datasync"]["retention"] == retention


def test_the_retention_of_a_group_that_exists_is_left_alone(group):
    CloudWatchLogStream(stream(create_log_group=True, retention_days=30)).open()
    assert group["retention"] == 7


def test_a_retention_that_did_not_succeed_is_tried_again(service):
    target = CloudWatchLogStream(stream(create_log_group=True, retention_days=30))
    service.refuse["PutRetentionPolicy"] = "ThrottlingException"
    with pytest.raises(DeliveryUnavailable):
        target.open()
    service.refuse.clear()
    target.open()
    assert service.groups["/aws/datasync"]["retention"] == 30


REFUSALS = [
    ("CreateLogStream", "AccessDeniedException", DeliveryRefused, "logs:PutLogEvents"),
    ("CreateLogStream", "UnrecognizedClientException", DeliveryRefused, "serviceAccountName"),
    ("CreateLogStream", "InvalidParameterException", DeliveryRefused, "logging.cloudWatch"),
    ("CreateLogStream", "ThrottlingException", DeliveryUnavailable, "busy"),
    ("CreateLogStream", "ServiceUnavailableException", DeliveryUnavailable, "busy"),
    ("PutLogEvents", "AccessDeniedException", DeliveryRefused, "logs:PutLogEvents"),
    ("PutLogEvents", "ThrottlingException", DeliveryUnavailable, "busy"),
]


@pytest.mark.parametrize(("call", "code", "kind", "advice"), REFUSALS)
@pytest.mark.usefixtures("group")
def test_what_the_service_says_becomes_what_to_do(service, call, code, kind, advice):
    service.refuse[call] = code
    target = CloudWatchLogStream(stream())
    with pytest.raises(kind, match=advice) as refusal:
        target.open()
        target.send(EVENTS)
    assert code in str(refusal.value)
    assert "/aws/datasync in eu-west-1" in str(refusal.value)
    assert "example-secret" not in str(refusal.value)


def test_a_group_that_is_missing_is_named_with_the_fix(service):
    with pytest.raises(DeliveryRefused, match="createLogGroup"):
        CloudWatchLogStream(stream()).open()
    assert service.groups == {}


def test_a_pod_without_an_identity(service, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(DeliveryRefused, match="serviceAccountName"):
        CloudWatchLogStream(stream()).open()
    assert service.calls == []


def test_a_service_that_nobody_reaches(monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv(
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", f"http://127.0.0.1:{unused.getsockname()[1]}"
        )
        with pytest.raises(DeliveryUnavailable, match=r"logs\.eu-west-1\.amazonaws\.com"):
            CloudWatchLogStream(stream()).open()


@pytest.mark.parametrize(
    ("told", "lost"),
    [
        ({}, 0),
        ({"tooOldLogEventEndIndex": 3}, 3),
        ({"tooOldLogEventEndIndex": 3, "expiredLogEventEndIndex": 5}, 5),
        ({"tooNewLogEventStartIndex": 8}, 2),
        ({"tooOldLogEventEndIndex": 3, "tooNewLogEventStartIndex": 8}, 5),
        ({"tooNewLogEventStartIndex": 0}, 10),
    ],
)
def test_how_many_of_a_batch_were_not_kept(told, lost):
    assert rejected(10, told) == lost


def test_moto_takes_what_we_send():
    with mock_aws():
        target = CloudWatchLogStream(stream(create_log_group=True, retention_days=14))
        target.open()
        now_ms = 1000 * int(time.time())
        assert target.send([Event(now_ms, "a"), Event(now_ms + 1, "b")]) == 0
        client = botocore.session.get_session().create_client("logs", region_name="eu-west-1")
        events = client.get_log_events(
            logGroupName="/aws/datasync", logStreamName="nightly/first", startFromHead=True
        )["events"]
        assert [event["message"] for event in events] == ["a", "b"]
        (made,) = client.describe_log_groups()["logGroups"]
        assert made["retentionInDays"] == 14


def run(tmp_path, **more):
    """A whole run of the runner: its exit code, its result and the lines on its stdout."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "x").write_text("x")
    sides = [
        {"kind": "Posix", "uri": f"nfs://h/{name}/", "root": str(tmp_path / name)}
        for name in ("a", "b")
    ]
    plan = {
        "execution": {"namespace": "n", "name": "first", "uid": "u1", "task": "nightly"},
        "source": sides[0],
        "destination": sides[1],
        "cloudWatch": stream().manifest(),
        "options": {"uid": "None", "gid": "None", "logLevel": "Transfer", **more},
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "datasync_runner"),
            *("--plan", tmp_path / "plan.json", "--result", tmp_path / "result"),
        ],
        stdout=subprocess.PIPE,
        timeout=15,
        text=True,
        check=False,
    )
    result = TransferResult.model_validate_json((tmp_path / "result").read_bytes())
    return ended.returncode, result, ended.stdout.splitlines()


def test_a_run_says_there_what_it_says_on_stdout(group, tmp_path):
    code, result, lines = run(tmp_path)
    assert (code, result.outcome) == (0, "Success")
    assert [event["message"] for event in group["streams"]["nightly/first"]] == lines
    assert [json.loads(lines[at])["event"] for at in (0, -1)] == ["started", "finished"]
    assert result.log_delivery is not None
    assert (result.log_delivery.lost_lines, result.log_delivery.problem) == (0, "")


def test_a_run_whose_log_is_refused_succeeds_and_says_so(service, tmp_path):
    code, result, lines = run(tmp_path)
    assert (code, result.outcome, result.error) == (0, "Success", None)
    assert result.log_delivery is not None
    assert result.log_delivery.lost_lines >= 4
    assert "createLogGroup" in result.log_delivery.problem
    told = [json.loads(line) for line in lines]
    (problem,) = [line for line in told if line["event"] == "logDelivery"]
    assert "createLogGroup" in problem["problem"]
    assert "PutLogEvents" not in service.calls


def test_nothing_is_sent_without_a_log(service, tmp_path):
    code, result, lines = run(tmp_path, logLevel="Off")
    assert (code, lines, result.log_delivery) == (0, [], None)
    assert service.calls == []

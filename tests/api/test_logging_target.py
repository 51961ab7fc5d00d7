"""Where the log goes: what can be asked for, and the stream of one run."""

import pytest
from pydantic import ValidationError

from datasync_api.logging_target import (
    STREAM_MAX_LENGTH,
    CloudWatch,
    CloudWatchStream,
    stream_of,
)
from datasync_api.task import TaskSpec

TASK = {"sourceLocationRef": {"name": "nas"}, "destinationLocationRef": {"name": "bucket"}}


def test_the_group_is_aws_datasyncs_by_default() -> None:
    target = CloudWatch.model_validate({"region": "eu-central-1"})
    assert (target.log_group, target.stream_prefix) == ("/aws/datasync", "")
    assert not target.create_log_group


def test_a_log_that_goes_nowhere_is_no_logging() -> None:
    with pytest.raises(ValidationError, match="cloudWatch"):
        TaskSpec.model_validate({**TASK, "logging": {}})
    assert TaskSpec.model_validate(TASK).logging is None


@pytest.mark.parametrize(
    ("more", "fine"),
    [
        ({}, True),
        ({"createLogGroup": True}, True),
        ({"createLogGroup": True, "retentionDays": 30}, True),
        ({"retentionDays": 30}, False),
        ({"createLogGroup": True, "retentionDays": 31}, False),
        ({"logGroup": "a:b"}, False),
        ({"streamPrefix": "a*"}, False),
        ({"streamPrefix": "nas/prod#1_"}, True),
    ],
)
def test_what_can_be_asked_for(more: dict[str, object], fine: bool) -> None:
    target = {"region": "eu-central-1", **more}
    if fine:
        CloudWatch.model_validate(target)
    else:
        with pytest.raises(ValidationError):
            CloudWatch.model_validate(target)


@pytest.mark.parametrize(
    ("prefix", "task", "execution", "name"),
    [
        ("", "nightly", "first", "nightly/first"),
        ("nas-", "nightly", "first", "nas-nightly/first"),
        ("p" * 5, "t" * 253, "e" * 253, f"{'p' * 5}{'t' * 253}/{'e' * 253}"),
        ("p" * 6, "t" * 253, "e" * 253, f"{'p' * 6}the-uid"),
        ("p" * 128, "t" * 253, "e" * 253, f"{'p' * 128}the-uid"),
    ],
)
def test_each_run_has_a_stream_whose_name_is_never_too_long(
    prefix: str, task: str, execution: str, name: str
) -> None:
    target = CloudWatch(region="eu-central-1", stream_prefix=prefix)
    found = stream_of(target, task=task, execution=execution, uid="the-uid")
    assert found.log_stream == name
    assert len(found.log_stream) <= STREAM_MAX_LENGTH


def test_the_log_goes_where_it_is_asked_to_go() -> None:
    asked = {
        "logGroup": "/teams/media",
        "region": "eu-west-1",
        "streamPrefix": "nas/",
        "createLogGroup": True,
        "retentionDays": 30,
    }
    target = CloudWatch.model_validate(asked)
    assert stream_of(target, task="t", execution="e", uid="u") == CloudWatchStream(
        log_group="/teams/media",
        log_stream="nas/t/e",
        region="eu-west-1",
        create_log_group=True,
        retention_days=30,
    )

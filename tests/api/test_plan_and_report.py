"""What operator and runner tell each other: plans, percentages, and results that always fit."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.baseline import Baseline
from datasync_api.conditions import Reason
from datasync_api.counters import Counters, FilesFailed, FoldersFailed, percent
from datasync_api.execution import Phase
from datasync_api.exit_codes import FAIL_JOB, KILLED, ExitCode
from datasync_api.hold import TOKEN_GRAMMAR
from datasync_api.location import LocationSpec
from datasync_api.make_plan import make_plan
from datasync_api.plan import Exchange, ExecutionIdentity, TransferPlan
from datasync_api.report import (
    MAX_FAILURE_CLASSES,
    RESULT_MAX_BYTES,
    Failure,
    ReportDelivery,
    RunError,
    TransferResult,
    left_out,
    report_condition,
)
from datasync_api.s3_location import Encryption
from datasync_api.side_pairs import nested, reported_into
from datasync_api.sides import AnySide, Places, PosixSide, S3Side, SmbSide, plan_side
from datasync_api.size_classes import class_limit, size_class
from datasync_api.task import TaskSpec

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PLACES = Places(mount="/mnt", credentials="/keys", ca_bundle="/ca.crt", krb5_conf="/krb5.conf")
SIDES = {
    "s3://": lambda uri: S3Side(uri=uri, bucket="b", region="r"),
    "object-storage://": lambda uri: S3Side(uri=uri, bucket="b", region="r"),
    "nfs://": lambda uri: PosixSide(uri=uri, root="/mnt"),
    "pvc://": lambda uri: PosixSide(uri=uri, root="/mnt"),
    "smb://": lambda uri: SmbSide(uri=uri, server="h", share="s", credentials_path="/keys"),
    "efs://": lambda uri: PosixSide(uri=uri, root="/mnt"),
}


def side(uri: str) -> AnySide:
    return SIDES[uri[: uri.index("://") + 3]](uri)


NESTED = [
    ("s3://a/x/", "s3://a/x/", True),
    ("s3://a/", "s3://a/x/", True),
    ("s3://a/x/", "s3://a/", True),
    ("s3://a/x/", "s3://a/xy/", False),
    ("s3://a/", "s3://ab/", False),
    ("nfs://h/a/", "nfs://h/a/b/", True),
    ("nfs://h/", "nfs://h/a/", True),
    ("nfs://h/a/", "nfs://i/a/", False),
    ("nfs://h/a/", "s3://a/", False),
    ("nfs://h/a/", "pvc://h/a/", False),
    ("object-storage://h/a/", "object-storage://h:1/a/", False),
    ("smb://h/s/A/", "smb://H/S/a/b/", True),
    ("smb://h/s/a/", "smb://h/s/ab/", False),
    ("efs://fs-1/", "efs://fs-1/fsap-2/", True),
    ("efs://fs-1/a/", "efs://fs-1/fsap-2/", False),
    ("efs://fs-1/fsap-2/", "efs://fs-1/fsap-2/a/", True),
]


@pytest.mark.parametrize(("one", "other", "answer"), NESTED)
def test_nested(one: str, other: str, answer: bool) -> None:
    assert nested(side(one), side(other)) is answer
    assert nested(side(other), side(one)) is answer


def test_a_mounted_share_is_the_place_that_it_is_when_the_runner_speaks_to_it() -> None:
    mounted = PosixSide(uri="smb://H/s/A/", root="/mnt")
    assert nested(mounted, side("smb://h/S/a/b/")) and nested(side("smb://h/s/"), mounted)
    assert not nested(mounted, side("smb://h/s/ab/"))
    assert reported_into(side("smb://h/s/a/told/"), mounted)
    assert reported_into(mounted, PosixSide(uri="smb://h/s/a/summary-reports/", root="/mnt"))
    assert not reported_into(mounted, side("smb://h/s/b/"))


REPORTED = [
    ("s3://a/x/", "s3://a/x/", True),
    ("s3://a/x/y/", "s3://a/x/", True),
    ("s3://a/", "s3://a/x/", False),
    ("s3://a/", "s3://a/Summary-Reports/", True),
    ("s3://a/", "s3://a/Detailed-Reports/n.t/", True),
    ("s3://a/x/", "s3://a/", True),
    ("s3://a/reports/", "s3://b/", False),
    ("nfs://h/a/told/", "nfs://h/a/", True),
    ("nfs://h/a/", "s3://a/", False),
    ("smb://h/s/", "smb://H/S/summary-reports/", True),
]


@pytest.mark.parametrize(("report", "synced", "answer"), REPORTED)
def test_reported_into(report: str, synced: str, answer: bool) -> None:
    assert reported_into(side(report), side(synced)) is answer


@pytest.mark.parametrize("kind", ["transferred", "verified", "deleted", "skipped"])
@pytest.mark.parametrize("mode", ["Transfer", "DryRun"])
def test_a_planned_report_has_a_level_for_each_kind(mode: Any, kind: str) -> None:
    task = TaskSpec.model_validate(
        {
            "sourceLocationRef": {"name": "a"},
            "destinationLocationRef": {"name": "b"},
            "report": {
                "s3": {"bucket": "told"},
                "overrides": {kind: {"reportLevel": "SuccessesAndErrors"}},
            },
        }
    )
    plan = make_plan(
        ExecutionIdentity(namespace="n", name="e", uid="u"),
        task,
        source=side("nfs://h/a/"),
        destination=side("s3://a/"),
        exchange=None,
        mode=mode,
        report_side=side("s3://told/"),
    )
    if mode == "DryRun":
        assert plan.report is None
        return
    assert plan.report is not None
    levels = {
        name: getattr(plan.report, name)
        for name in ("transferred", "verified", "deleted", "skipped")
    }
    assert levels == {**dict.fromkeys(levels, "ErrorsOnly"), kind: "SuccessesAndErrors"}
    assert plan.hash() == plan.model_copy(update={"report": None, "count_sizes": False}).hash()


def reported(**told: Any) -> TransferResult:
    return TransferResult(
        execution_uid="u",
        outcome="Success",
        prepare_status="Success",
        transfer_status="Success",
        verify_status="Success",
        counters=Counters(),
        report=ReportDelivery(**told) if told else None,
        error=RunError(code=Reason.FILES_FAILED, detail="\x03" * 1024),
        start_time=NOW,
        end_time=NOW,
    )


@pytest.mark.parametrize("status", ["Success", "Error"])
def test_what_the_status_says_of_a_report(status: Any) -> None:
    condition = report_condition(
        reported(status=status, uri="s3://told/x", error_detail="no right")
    )
    assert condition is not None
    assert (condition.type, condition.status) == ("ReportWritten", str(status == "Success"))
    assert ("s3://told/x" if status == "Success" else "no right") in condition.message
    assert report_condition(reported()) is None


def test_a_result_with_many_words_about_its_report_fits() -> None:
    told = reported(status="Error", uri="s3://" + "\x01" * 1019, error_detail="\x02" * 512)
    text = told.termination_message()
    assert len(text.encode()) <= RESULT_MAX_BYTES
    kept = TransferResult.model_validate_json(text).report
    assert kept is not None
    assert kept.status == "Error"


def spec(**member: Any) -> LocationSpec:
    agents = {"agentRefs": [{"name": "site"}]} if member.keys() & {"nfs", "smb"} else {}
    return LocationSpec.model_validate({**member, **agents})


def test_sides() -> None:
    keys = {"credentialsSecretRef": {"name": "keys"}}
    assert plan_side(spec(nfs={"server": "h", "path": "/a"}), PLACES) == PosixSide(
        uri="nfs://h/a/", root="/mnt"
    )
    claim = {"claimName": "c", "path": "sub", "readOnly": True}
    assert plan_side(spec(persistentVolumeClaim=claim), PLACES) == PosixSide(
        uri="pvc://c/sub/", root="/mnt", path="sub", read_only=True
    )
    assert plan_side(spec(efs={"fileSystemId": "fs-01234567", "path": "/a"}), PLACES) == PosixSide(
        uri="efs://fs-01234567/a/", root="/mnt"
    )
    lustre = {"dnsName": "h", "mountName": "fsx", "path": "/a/b/"}
    assert plan_side(spec(fsxLustre=lustre), PLACES) == PosixSide(
        uri="fsxl://h/a/b/", root="/mnt", path="a/b"
    )
    assert plan_side(spec(fsxOpenZfs={"dnsName": "h"}), PLACES) == PosixSide(
        uri="fsxz://h/fsx/", root="/mnt"
    )
    assert plan_side(spec(fsxOntap={"dnsName": "h", "path": "/vol1"}), PLACES) == PosixSide(
        uri="fsxn-nfs://h/vol1/", root="/mnt"
    )
    assert plan_side(spec(s3={"bucket": "abc", "prefix": "x", **keys}), PLACES) == S3Side(
        uri="s3://abc/x/",
        bucket="abc",
        prefix="x/",
        region="us-east-1",
        credentials_path="/keys",
    )
    wishes = {
        "storageClass": "DeepArchive",
        "encryption": {"type": "SSE_KMS", "kmsKeyId": "alias/archive"},
        "roleArn": "arn:aws:iam::123456789012:role/archive",
        "expectedBucketOwner": "123456789012",
        "requesterPays": True,
    }
    assert plan_side(spec(s3={"bucket": "abc", **wishes}), PLACES) == S3Side(
        uri="s3://abc/",
        bucket="abc",
        region="us-east-1",
        storage_class="DeepArchive",
        encryption=Encryption(type="SSE_KMS", kms_key_id="alias/archive"),
        role_arn="arn:aws:iam::123456789012:role/archive",
        expected_bucket_owner="123456789012",
        requester_pays=True,
    )
    storage = {
        "endpoint": "https://h:9000/",
        "bucket": "abc",
        "caBundle": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}},
    }
    assert plan_side(spec(objectStorage=storage), PLACES) == S3Side(
        uri="object-storage://h:9000/abc/",
        bucket="abc",
        region="us-east-1",
        endpoint="https://h:9000",
        addressing_style="Path",
        ca_bundle_path="/ca.crt",
    )
    signing = plan_side(spec(objectStorage={**storage, "payloadSigning": "Never"}), PLACES)
    assert isinstance(signing, S3Side) and signing.payload_signing == "Never"


def test_the_sides_of_shares() -> None:
    keys = {"credentialsSecretRef": {"name": "keys"}}
    smb = {"server": "nas", "port": 4450, "share": "s", "path": "/a/b", "version": "SMB3", **keys}
    waived = {**smb, "encryption": "Required", "signing": "IfRequired"}
    assert plan_side(spec(smb=waived), PLACES) == SmbSide(
        uri="smb://nas:4450/s/a/b/",
        server="nas",
        port=4450,
        share="s",
        path="a/b/",
        version="SMB3",
        encryption="Required",
        signing="IfRequired",
        credentials_path="/keys",
    )
    kerberos = {
        "principal": "backup@EXAMPLE.COM",
        "keytabSecretRef": {"name": "keytab"},
        "krb5ConfRef": {"name": "realm"},
    }
    by_ticket = {"server": "nas", "share": "s", "authentication": "Kerberos", "kerberos": kerberos}
    assert plan_side(spec(smb=by_ticket), PLACES) == SmbSide(
        uri="smb://nas/s/",
        server="nas",
        share="s",
        credentials_path="/keys",
        kerberos_principal="backup@EXAMPLE.COM",
        krb5_conf_path="/krb5.conf",
    )
    assert plan_side(
        spec(smb={**smb, "encryption": "Required", "access": "Mount"}), PLACES
    ) == PosixSide(uri="smb://nas:4450/s/a/b/", root="/mnt", path="a/b")
    assert plan_side(spec(fsxWindows={"dnsName": "fs", **keys}), PLACES) == SmbSide(
        uri="fsxw://fs/share/", server="fs", share="share", credentials_path="/keys"
    )
    strict = {"version": "SMB3_1_1", "encryption": "Required", "signing": "IfRequired"}
    ontap = {"share": "s", "path": "a", **strict, **keys}
    assert plan_side(spec(fsxOntap={"dnsName": "svm", "smb": ontap}), PLACES) == SmbSide(
        uri="fsxn-smb://svm/s/a/",
        server="svm",
        share="s",
        path="a/",
        version="SMB3_1_1",
        encryption="Required",
        signing="IfRequired",
        credentials_path="/keys",
    )
    ontap = {"share": "s", "authentication": "Kerberos", "kerberos": kerberos}
    assert plan_side(spec(fsxOntap={"dnsName": "svm", "smb": ontap}), PLACES) == SmbSide(
        uri="fsxn-smb://svm/s/",
        server="svm",
        share="s",
        credentials_path="/keys",
        kerberos_principal="backup@EXAMPLE.COM",
        krb5_conf_path="/krb5.conf",
    )


def plan(
    uid: str = "u",
    bytes_per_second: int | None = None,
    baseline: Baseline | None = None,
    destination: S3Side | None = None,
    manifest_file: str = "",
    manifest_side: S3Side | None = None,
    **more: Any,
) -> TransferPlan:
    fields = {"sourceLocationRef": {"name": "a"}, "destinationLocationRef": {"name": "b"}, **more}
    return make_plan(
        ExecutionIdentity(namespace="n", name="e", uid=uid),
        TaskSpec.model_validate(fields),
        source=side("nfs://h/a/"),
        destination=destination or side("s3://a/"),
        exchange=Exchange(port=8080, token_path=f"/token/{uid}"),
        bytes_per_second=bytes_per_second,
        baseline=baseline,
        manifest_file=manifest_file,
        manifest_side=manifest_side,
    )


def test_a_plan_is_read_back_as_it_was_written() -> None:
    made = plan(includes=[{"value": "/a*"}], excludes=[{"value": "*.tmp"}])
    assert TransferPlan.model_validate_json(made.text()) == made
    assert [rule.value for rule in (*made.includes, *made.excludes)] == ["/a*", "*.tmp"]


def test_a_plan_carries_all_that_chooses_files() -> None:
    glob = {"filterType": "Glob", "value": "*.{c,h}"}
    conditions = {"minSize": "1Ki", "maxAge": "30d", "modifiedAfter": "2026-01-31T00:00:00Z"}
    made = plan(
        includes=[glob],
        excludes=[{"value": "*.tmp"}],
        fileConditions=conditions,
        options={"hiddenFiles": "Exclude"},
    )
    text = json.loads(made.text())
    assert text["includes"] == [glob]
    assert text["excludes"] == [{"filterType": "SimplePattern", "value": "*.tmp"}]
    assert text["fileConditions"] == conditions
    assert text["options"]["hiddenFiles"] == "Exclude"
    assert TransferPlan.model_validate_json(made.text()) == made


def test_a_plan_carries_what_else_the_task_asks_for() -> None:
    guards = {
        "allowEmptySource": True,
        "allowReplacedSource": True,
        "maxDeletePercent": 7,
        "maxDeletedFiles": 8,
    }
    options = {
        "transferMode": "All",
        "verifyMode": "None",
        "overwriteMode": "Never",
        "mtime": "None",
        "atime": "None",
        "logLevel": "Transfer",
    }
    logging = {"cloudWatch": {"region": "eu-west-1", "logGroup": "/teams/media"}}
    text = json.loads(plan(guards=guards, options=options, logging=logging).text())
    assert text["guards"] == guards
    assert {name: text["options"][name] for name in options} == options
    assert (text["cloudWatch"]["logGroup"], text["cloudWatch"]["region"]) == (
        "/teams/media",
        "eu-west-1",
    )


def test_the_hash_is_the_recipes() -> None:
    assert plan("one").hash() == plan("other").hash()
    assert plan().hash() != plan(excludes=[{"value": "*.tmp"}]).hash()
    assert plan().hash() != plan(fileConditions={"minSize": 1}).hash()
    as_glob = [{"filterType": "Glob", "value": "*.tmp"}]
    assert plan(excludes=as_glob).hash() != plan(excludes=[{"value": "*.tmp"}]).hash()
    assert plan().hash() != plan(options={"uid": "None"}).hash()
    assert plan().hash() == plan(options={"bytesPerSecond": 1000}).hash()
    assert plan().hash() == plan(options={"logLevel": "Transfer"}).hash()
    acknowledged = plan().model_copy(update={"acknowledge": "5-0123456789"})
    assert acknowledged.hash() == plan().hash()
    assert plan().model_copy(update={"mode": "DryRun"}).hash() == plan().hash()


MANY, EMPTY = Reason.TOO_MANY_DELETIONS, Reason.SOURCE_EMPTY


def acknowledged(of: TransferPlan, token: str, reason: Reason) -> int:
    return of.model_copy(update={"acknowledge": token}).acknowledged(reason)


@given(st.integers(0, 10**19 - 1))
def test_a_token_binds_reason_number_places_and_filters(deletions: int) -> None:
    token = plan().token(MANY, deletions)
    assert re.fullmatch(TOKEN_GRAMMAR, token)
    assert acknowledged(plan(), token, MANY) == deletions
    assert acknowledged(plan(), token, EMPTY) == 0
    for filters in (
        {"excludes": [{"value": "*.tmp"}]},
        {"fileConditions": {"minSize": 1}},
        {"options": {"hiddenFiles": "Exclude"}},
    ):
        assert acknowledged(plan(**filters), token, MANY) == 0
    elsewhere = plan().model_copy(update={"source": side("nfs://h/c/")})
    assert acknowledged(elsewhere, token, MANY) == 0
    forged = f"{deletions + 1}-{token.partition('-')[2]}"
    assert acknowledged(plan(), forged, MANY) == 0


def test_a_token_holds_for_the_next_run_wherever_its_sides_are_mounted() -> None:
    token = plan("one").token(MANY, 5)
    other = plan("other").model_copy(update={"source": PosixSide(uri="nfs://h/a/", root="/else")})
    assert acknowledged(other, token, MANY) == 5
    assert acknowledged(plan(options={"uid": "None"}), token, MANY) == 5


@pytest.mark.parametrize("token", ["", "5", "-", "5-", "5-0123456789"])
def test_what_is_no_token_of_the_plan_acknowledges_nothing(token: str) -> None:
    for reason in (MANY, EMPTY):
        assert acknowledged(plan(), token, reason) == 0


def test_what_was_proven_and_where_keys_are_mounted_is_no_part_of_the_recipe() -> None:
    baseline = Baseline(recipe="0" * 64, source_time=NOW, destination_time=NOW)
    assert plan(baseline=baseline).hash() == plan().hash()
    assert plan(baseline=baseline).baseline == baseline
    one, other = (
        plan(
            destination=S3Side(
                uri="s3://a/",
                bucket="a",
                region="x",
                credentials_path=f"/{name}/keys",
                ca_bundle_path=f"/{name}/ca.crt",
            )
        )
        for name in ("one", "other")
    )
    assert one.hash() == other.hash()
    assert one.hash() != plan().hash()


MANIFESTS = [
    ({"path": "/lists/a.csv"}, ("Source", "lists/a.csv")),
    ({"configMapKeyRef": {"name": "list", "key": "a"}}, ("Mounted", "/m/manifest.csv")),
]


@pytest.mark.parametrize(("manifest", "place"), MANIFESTS)
def test_where_the_manifest_is(manifest: dict[str, Any], place: tuple[str, str]) -> None:
    made = plan(manifest_file="/m/manifest.csv", manifest=manifest)
    assert made.manifest_place is not None
    assert (made.manifest_place.kind, made.manifest_place.path) == place
    assert TransferPlan.model_validate_json(made.text()) == made
    assert made.hash() != plan().hash()
    assert plan().manifest_place is None


def test_a_manifest_in_a_bucket_goes_with_that_bucket() -> None:
    def made(*, version: dict[str, str], keys: str = "/keys") -> TransferPlan:
        lists = S3Side(uri="s3://lists/", bucket="lists", region="x", credentials_path=keys)
        listed = {"locationRef": {"name": "lists"}, "key": "today.csv", **version}
        return plan(manifest_side=lists, manifest={"s3": listed})

    place = made(version={"versionId": "v7"}).manifest_place
    assert place is not None
    assert place.side is not None
    found = (place.kind, place.side.uri, place.path, place.version_id)
    assert found == ("Object", "s3://lists/", "today.csv", "v7")
    assert made(version={}).hash() != made(version={"versionId": "v7"}).hash()
    assert made(version={}).hash() == made(version={}, keys="/elsewhere").hash()


RATES = [
    # the task's, the run's own, the plan's
    (None, None, -1),
    (1000, None, 1000),
    (1000, 500, 500),
    (1000, -1, -1),
    (None, 500, 500),
]


@pytest.mark.parametrize(("of_task", "of_run", "told"), RATES)
def test_a_runs_own_rate_wins(of_task: int | None, of_run: int | None, told: int) -> None:
    options = {} if of_task is None else {"options": {"bytesPerSecond": of_task}}
    made = plan(bytes_per_second=of_run, **options)
    assert made.options.bytes_per_second == told
    assert TransferPlan.model_validate_json(made.text()) == made


MiB = 1024 * 1024
PERCENT = [
    # counters, totals final, verifying, percent
    ({}, False, True, None),
    ({}, True, True, 99),
    ({"estimated_files_to_transfer": 4}, True, False, 0),
    ({"estimated_files_to_transfer": 4, "files_transferred": 2}, True, False, 50),
    ({"estimated_files_to_transfer": 4, "files_transferred": 4}, True, False, 99),
    ({"estimated_files_to_transfer": 4, "files_transferred": 4}, True, True, 50),
    ({"estimated_files_to_transfer": 4, "files_transferred": 4, "files_verified": 4}, True, True, 99),
    (
        {
            "estimated_files_to_transfer": 4,
            "files_transferred": 3,
            "files_verified": 3,
            "files_failed": FilesFailed(transfer=1),
        },
        True,
        True,
        99,
    ),
    (
        {
            "estimated_files_to_transfer": 16,
            "estimated_bytes_to_transfer": 3 * MiB,
            "bytes_written": 2 * MiB,
        },
        True,
        False,
        50,
    ),
    (
        {
            "estimated_files_to_transfer": 1,
            "estimated_bytes_to_transfer": 1024 * MiB,
            "bytes_transferred": 512 * MiB,
        },
        True,
        False,
        49,
    ),
    (
        {
            "estimated_files_to_transfer": 1,
            "estimated_bytes_to_transfer": 1024 * MiB,
            "bytes_transferred": 102 * MiB,
            "bytes_resumed": 410 * MiB,
        },
        True,
        False,
        49,
    ),
    ({"estimated_files_to_transfer": 1, "files_transferred": 5}, True, False, 99),
]  # fmt: skip


@pytest.mark.parametrize(("counters", "totals_final", "verifying", "expected"), PERCENT)
def test_percent(
    counters: dict[str, Any], totals_final: bool, verifying: bool, expected: int | None
) -> None:
    found = percent(Counters(**counters), totals_final=totals_final, verifying=verifying)
    assert found == expected


counts = st.integers(0, 2**63)
all_counters = st.builds(
    Counters,
    **{name: counts for name in Counters.model_fields if not name.endswith("_failed")},
    files_failed=st.builds(FilesFailed, prepare=counts, transfer=counts, verify=counts),
    folders_failed=st.builds(FoldersFailed, list=counts, transfer=counts, delete=counts),
)


@given(all_counters, st.booleans())
def test_percent_is_never_100_before_success(counters: Counters, verifying: bool) -> None:
    found = percent(counters, totals_final=True, verifying=verifying)
    assert found is not None and 0 <= found <= 99


@given(st.integers(1, 100), st.integers(0, 10**9), st.booleans(), st.data())
def test_percent_does_not_fall_while_work_is_done(
    files: int, size: int, verifying: bool, data: st.DataObject
) -> None:
    moved = sorted(data.draw(st.lists(st.integers(0, files), min_size=2, max_size=8)))
    shown = [
        percent(
            Counters(
                estimated_files_to_transfer=files,
                estimated_bytes_to_transfer=files * size,
                files_transferred=done,
                files_verified=done,
                bytes_written=done * size,
            ),
            totals_final=True,
            verifying=verifying,
        )
        for done in moved
    ]
    assert shown == sorted(shown, key=lambda value: value or 0)


def lengthy(limit: int) -> st.SearchStrategy[str]:
    """Texts up to the limit, of characters that JSON or UTF-8 makes long too."""
    characters = st.sampled_from(["a", "é", "漢", "😀", '"', "\\", "\n", "\x01"])
    return st.builds(lambda one, n: one * n, characters, st.integers(0, limit))


failures = st.builds(
    Failure,
    code=st.text("A", min_size=1, max_size=64),
    count=counts,
    sample_path=lengthy(256),
    message=lengthy(256),
    hint=lengthy(256),
)
errors = st.none() | st.builds(RunError, code=st.sampled_from(Reason), detail=lengthy(1024))


@given(
    st.lists(failures, max_size=MAX_FAILURE_CLASSES),
    st.lists(failures, max_size=MAX_FAILURE_CLASSES),
    errors,
    all_counters,
)
def test_a_result_always_fits_and_is_read_back(
    classes: list[Failure], skips: list[Failure], error: RunError | None, counters: Counters
) -> None:
    result = TransferResult(
        execution_uid="00000000-0000-0000-0000-000000000000",
        outcome="Error",
        prepare_status="Success",
        transfer_status="Error",
        verify_status="Pending",
        counters=counters,
        failures=classes,
        skips=skips,
        error=error,
        start_time=NOW,
        end_time=NOW,
    )
    text = result.termination_message()
    assert len(text.encode()) <= RESULT_MAX_BYTES
    back = TransferResult.model_validate_json(text)
    assert back.counters == counters
    assert back.outcome == "Error"
    assert back.failures == classes[: len(back.failures)]
    assert back.skips == skips[: len(back.skips)]
    assert back.failures == classes or not back.skips, "what failed is told first"
    if error is not None:
        assert back.error is not None and back.error.code == error.code


def test_a_small_result_is_kept_whole() -> None:
    failure = Failure(code="PermissionDenied", count=3, sample_path="/a", message="m", hint="h")
    result = TransferResult(
        execution_uid="u",
        outcome="Error",
        prepare_status="Success",
        transfer_status="Error",
        verify_status="Success",
        counters=Counters(files_transferred=1),
        failures=[failure],
        skips=[failure],
        start_time=NOW,
        end_time=NOW,
    )
    assert TransferResult.model_validate_json(result.termination_message()) == result


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([], ""),
        ([1], "; 1 item was skipped, for example /a (Archived): restore it"),
        ([5, 2], "; 7 items were skipped, for example /a (Archived): restore it"),
    ],
)
def test_a_success_says_what_it_left_out(counts: list[int], said: str) -> None:
    skips = [
        Failure(code="Archived", count=count, sample_path="/a", hint="restore it")
        for count in counts
    ]
    assert left_out(skips) == said


def test_exit_codes_and_phases_are_the_documented_ones() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "DONE": 0,
        "CONFIGURATION": 10,
        "CREDENTIALS": 11,
        "GUARD": 12,
        "HOPELESS": 20,
        "TRANSIENT": 30,
        "STOPPED": 31,
    }
    assert {int(code) for code in FAIL_JOB} == {10, 11, 12, 20}
    assert KILLED == 137
    assert [phase for phase in Phase if phase.terminal] == [
        "Success",
        "CompletedWithErrors",
        "Error",
        "Cancelled",
    ]
    waiting = [phase for phase in Phase if not phase.active and not phase.terminal]
    assert waiting == ["Queued", "Held"]
    assert not any(phase.active and phase.terminal for phase in Phase)
    assert [phase for phase in Phase if phase.good] == ["Success", "CompletedWithErrors"]


SIZES = [
    (0, 0), (4095, 0),
    (4096, 1), (65_535, 1),
    (65_536, 2), (1024**2 - 1, 2),
    (1024**2, 3), (16 * 1024**2 - 1, 3),
    (16 * 1024**2, 4), (256 * 1024**2 - 1, 4),
    (256 * 1024**2, 5), (4 * 1024**3 - 1, 5),
    (4 * 1024**3, 6), (5 * 1024**4, 6),
]  # fmt: skip


@pytest.mark.parametrize(("size_bytes", "number"), SIZES)
def test_the_class_of_a_size(size_bytes: int, number: int) -> None:
    assert size_class(size_bytes) == number


@given(st.integers(0, 2**50))
def test_a_size_is_below_the_limit_of_its_class_and_not_of_the_one_before(size_bytes: int) -> None:
    number = size_class(size_bytes)
    limit = class_limit(number)
    assert limit is None or size_bytes < limit
    if number:
        before = class_limit(number - 1)
        assert before is not None and size_bytes >= before

"""`datasync run` keeps the contract with the runner and never takes silence for success."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from cli.command import FAKE_RUNNER, Answer, datasync, finish, start
from datasync_api.execution import ExecutionStatus
from invalid_manifests import agent, location, manifest

SECRET = """
apiVersion: v1
kind: Secret
metadata: {name: keys}
data: {AWS_ACCESS_KEY_ID: a2V5}
stringData: {AWS_SECRET_ACCESS_KEY: s3cret-word}
"""
CA = """
apiVersion: v1
kind: ConfigMap
metadata: {name: corp}
data: {ca.crt: certificates}
"""
NAS = location("{nfs: {server: nas, path: /export}, agentRefs: [{name: site}]}").replace(
    "example", "nas"
)
BUCKET = location(
    "{objectStorage: {endpoint: 'https://s3.example.com', bucket: mirror, prefix: a/b, "
    "credentialsSecretRef: {name: keys}, caBundle: {configMapKeyRef: {name: corp, key: ca.crt}}}}"
).replace("example}", "bucket}")
CLAIM = location("{persistentVolumeClaim: {claimName: data, path: sub}}").replace(
    "example", "claim"
)


SHARE = location(
    "{smb: {server: files, share: team, credentialsSecretRef: {name: login}}, "
    "agentRefs: [{name: site}]}"
).replace("example", "share")
MOUNTED = location(
    "{smb: {server: files, share: team, path: plans/2024, access: Mount, encryption: Required, "
    "credentialsSecretRef: {name: login}}, agentRefs: [{name: site}]}"
).replace("example", "share")
ONTAP = location(
    "{fsxOntap: {dnsName: svm, smb: {share: team, credentialsSecretRef: {name: login}}}}"
).replace("example", "share")
LOGIN = """
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {username: alice, password: s3cret-word, domain: CORP}
"""


def task(
    name: str = "mirror", source: str = "nas", destination: str = "bucket", more: str = ""
) -> str:
    return manifest(
        "DataSyncTask",
        f"{{sourceLocationRef: {{name: {source}}}, "
        f"destinationLocationRef: {{name: {destination}}}{more}}}",
    ).replace("example", name)


class Setup:
    """A folder of manifests, a tree to mount, and what the stand-in saw."""

    def __init__(self, folder: Path) -> None:
        self.manifests = folder / "manifests"
        self.tree = folder / "tree"
        self.seen_file = folder / "seen.json"
        self.ready = folder / "ready"
        self.manifests.mkdir()
        self.tree.mkdir()

    def write(self, *texts: str) -> None:
        (self.manifests / "all.yaml").write_text("---\n".join(texts))

    def arguments(self, *more: str) -> list[str]:
        return ["run", "-f", str(self.manifests), f"--mount=nas={self.tree}", *more]

    def run(self, *more: str, behaviour: str = "success", **environment: str) -> Answer:
        return datasync(
            *self.arguments(*more),
            FAKE_RUNNER=behaviour,
            FAKE_RUNNER_SEEN=str(self.seen_file),
            **environment,
        )

    def seen(self) -> dict[str, Any]:
        return json.loads(self.seen_file.read_text())


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    made = Setup(tmp_path)
    made.write(SECRET, CA, NAS, BUCKET, task())
    return made


def test_success_is_a_table_and_code_0(setup: Setup) -> None:
    answer = setup.run(FAKE_RUNNER_ASKED="1")
    assert answer.code == 0, answer.err
    rows = {line[:18].strip(): line[18:].strip() for line in answer.out.splitlines()}
    assert rows["Outcome"] == "Success"
    assert rows["Transferred"] == "4 files, 4.0 KiB"
    assert rows["Verified"] == "4 files"
    assert rows["Duration"] == "2.5 s"
    assert rows["Rate"] == "2.0 KiB/s"
    assert "Transferring: 99 %, 10 listed, 4/4 files" in answer.err


def test_json_is_an_executions_status(setup: Setup) -> None:
    answer = setup.run("--output", "json")
    assert answer.code == 0, answer.err
    assert answer.out.count("\n") == 1
    status = ExecutionStatus.model_validate_json(answer.out)
    assert status.phase == "Success"
    assert status.counters is not None and status.counters.files_transferred == 4
    assert status.progress is not None and status.progress.percent == 100
    assert status.conditions[0].reason == "Succeeded"
    assert status.resolved is not None and status.resolved.source_uri == "nfs://nas/export/"


def test_the_runner_gets_the_plan_and_secrets_for_the_owner_alone(setup: Setup) -> None:
    answer = setup.run()
    assert answer.code == 0, answer.err
    seen = setup.seen()
    source, destination = seen["plan"]["source"], seen["plan"]["destination"]
    folder = seen["folder"]
    assert source["root"] == str(setup.tree)
    assert destination["prefix"] == "a/b/"
    assert destination["credentialsPath"] == f"{folder}/destination/credentials"
    assert destination["caBundlePath"] == f"{folder}/destination/ca.crt"
    assert seen["plan"]["exchange"]["host"] == "127.0.0.1"
    files = seen["files"]
    assert files["destination/credentials/AWS_ACCESS_KEY_ID"] == "key"
    assert files["destination/credentials/AWS_SECRET_ACCESS_KEY"] == "s3cret-word"
    assert files["destination/ca.crt"] == "certificates"
    assert {seen["modes"][name] for name in files} == {0o600}
    assert {mode for name, mode in seen["modes"].items() if name not in files} == {0o700}
    assert not Path(folder).exists()
    assert "s3cret-word" not in answer.out + answer.err + json.dumps(seen["plan"])


@pytest.mark.parametrize(
    ("share", "uri"),
    [(SHARE, "smb://files/team/"), (ONTAP, "fsxn-smb://svm/team/")],
    ids=["smb", "ontap"],
)
def test_a_share_is_reached_directly_with_the_login_of_its_secret(
    setup: Setup, share: str, uri: str
) -> None:
    setup.write(SECRET, CA, LOGIN, share, BUCKET, task(source="share"))
    answer = datasync(
        "run",
        "-f",
        str(setup.manifests),
        FAKE_RUNNER="success",
        FAKE_RUNNER_SEEN=str(setup.seen_file),
    )
    assert answer.code == 0, answer.err
    seen = setup.seen()
    source = seen["plan"]["source"]
    assert (source["kind"], source["uri"]) == ("Smb", uri)
    assert source["credentialsPath"] == f"{seen['folder']}/source/credentials"
    assert seen["files"]["source/credentials/username"] == "alice"
    assert seen["files"]["source/credentials/domain"] == "CORP"
    assert "s3cret-word" not in answer.out + answer.err + json.dumps(seen["plan"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [((), 2000), (("--bytes-per-second", "1000"), 1000), (("--bytes-per-second", "-1"), -1)],
)
def test_the_command_lines_rate_wins(setup: Setup, arguments: tuple[str, ...], told: int) -> None:
    setup.write(SECRET, CA, NAS, BUCKET, task(more=", options: {bytesPerSecond: 2000}"))
    assert setup.run(*arguments).code == 0
    assert setup.seen()["plan"]["options"]["bytesPerSecond"] == told


def test_the_plan_carries_all_that_chooses_files(setup: Setup) -> None:
    chosen = (
        ", options: {hiddenFiles: Exclude}, includes: [{filterType: Glob, value: '*.{c,h}'}], "
        "excludes: [{value: '*.tmp'}], fileConditions: {minSize: 1Ki, maxAge: 30d}"
    )
    setup.write(SECRET, CA, NAS, BUCKET, task(more=chosen))
    assert setup.run().code == 0
    plan = setup.seen()["plan"]
    assert plan["includes"] == [{"filterType": "Glob", "value": "*.{c,h}"}]
    assert plan["excludes"] == [{"filterType": "SimplePattern", "value": "*.tmp"}]
    assert plan["fileConditions"] == {"minSize": "1Ki", "maxAge": "30d"}
    assert plan["options"]["hiddenFiles"] == "Exclude"


def test_a_filter_that_cannot_be_read_starts_nothing(setup: Setup) -> None:
    broken = ", excludes: [{filterType: Glob, value: '*.[z-a]'}]"
    setup.write(SECRET, CA, NAS, BUCKET, task(more=broken))
    answer = setup.run()
    assert answer.code == 2
    assert "spec.excludes[0].value: the range z-a goes downwards" in answer.err
    assert not setup.seen_file.exists()


@pytest.mark.parametrize("value", ["0", "-2", "10MB", "1.5", "", "9" * 5000, "٣"])
def test_refuses_what_is_no_rate(setup: Setup, value: str) -> None:
    answer = setup.run("--bytes-per-second", value)
    assert answer.code == 2
    assert f"--bytes-per-second {value}: write -1 for unlimited" in answer.err
    assert not setup.seen_file.exists()


def test_file_systems_of_aws_are_where_they_were_mounted(setup: Setup, tmp_path: Path) -> None:
    """A mount of EFS begins at the location's path, one of Lustre at the file system's root."""
    efs = location("{efs: {fileSystemId: fs-01234567, path: /projects}}")
    lustre = location("{fsxLustre: {dnsName: h, mountName: fsx, path: /scratch}}")
    named = (efs.replace("example", "nas"), lustre.replace("example", "lustre"))
    setup.write(*named, task(destination="lustre"))
    mount = f"--mount=lustre={tmp_path}/lustre"
    (tmp_path / "lustre").mkdir()
    answer = setup.run(mount)
    assert answer.code == 2
    assert "has no folder scratch: make it, or correct path" in answer.err
    (tmp_path / "lustre/scratch").mkdir()
    answer = setup.run(mount)
    assert answer.code == 0, answer.err
    plan = setup.seen()["plan"]
    source, destination = plan["source"], plan["destination"]
    assert (source["root"], source["path"]) == (str(setup.tree), "")
    assert (destination["root"], destination["path"]) == (f"{tmp_path}/lustre", "scratch")


LIST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: list}
data: {today.csv: "a\\nb\\n"}
"""
FROM_CONFIG_MAP = ", manifest: {configMapKeyRef: {name: list, key: today.csv}}"


def test_a_manifest_out_of_a_config_map_is_a_file_of_the_run(setup: Setup) -> None:
    setup.write(SECRET, CA, NAS, BUCKET, LIST, task(more=FROM_CONFIG_MAP))
    assert setup.run().code == 0
    seen = setup.seen()
    assert seen["files"]["manifest.csv"] == "a\nb\n"
    path = f"{seen['folder']}/manifest.csv"
    assert seen["plan"]["manifestPlace"] == {"kind": "Mounted", "path": path}


def test_the_command_lines_manifest_wins(setup: Setup, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("a\n")
    for more in ("", ", manifest: {path: lists/today.csv}"):
        setup.write(SECRET, CA, NAS, BUCKET, task(more=more))
        assert setup.run("--manifest", str(file)).code == 0
        place = {"kind": "Mounted", "path": str(file.resolve())}
        assert setup.seen()["plan"]["manifestPlace"] == place


FAILURES = {
    "files-failed": (1, "FilesFailed", "2 of 10 files failed"),
    "credentials": (1, "CredentialsRefused", "the key is wrong"),
    "no-result": (1, "ResultMissing", "left no result"),
    "foreign-result": (1, "ResultMissing", "left no result"),
    "crash": (1, "ResultMissing", "Traceback: it broke here"),
    "killed": (1, "OutOfMemory", "most likely for lack of memory"),
}


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_failure_has_a_reason_and_code_1(setup: Setup, behaviour: str) -> None:
    code, reason, words = FAILURES[behaviour]
    answer = setup.run("--output", "json", behaviour=behaviour)
    assert answer.code == code
    status = json.loads(answer.out)
    assert status["phase"] == "Error"
    assert status["conditions"][0]["reason"] == reason
    assert words in status["conditions"][0]["message"]
    assert status["result"]["errorCode"] == reason
    assert not Path(setup.seen()["folder"]).exists()


def test_failure_classes_are_shown_with_their_hints(setup: Setup) -> None:
    answer = setup.run(behaviour="files-failed")
    assert answer.code == 1
    for words in ("PermissionDenied", "/a/[b]", "may not be read", "run as a user"):
        assert words in answer.out


def test_failures_that_the_task_tolerates_are_shown_with_code_0(setup: Setup) -> None:
    setup.write(SECRET, CA, NAS, BUCKET, task(more=", options: {fileErrorPolicy: Tolerate}"))
    answer = setup.run(behaviour="tolerated")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("Outcome           CompletedWithErrors\n")
    assert "FilesFailed: 2 of 10 files failed" in answer.out
    assert "PermissionDenied" in answer.out
    assert setup.seen()["plan"]["options"]["fileErrorPolicy"] == "Tolerate"
    status = json.loads(setup.run("--output", "json", behaviour="tolerated").out)
    assert status["phase"] == "CompletedWithErrors"
    assert status["conditions"][0]["status"] == "True"
    assert status["result"]["errorCode"] == "FilesFailed"


def test_a_held_run_shows_its_token_and_code_3_and_goes_on_by_it(setup: Setup) -> None:
    answer = setup.run("-o", "json", behaviour="held")
    assert answer.code == 3, answer.err
    status = ExecutionStatus.model_validate_json(answer.out)
    assert status.phase == "Held"
    assert status.hold is not None
    assert (status.hold.deletions, status.hold.limit) == (9, 5)
    assert (status.conditions[0].status, status.conditions[0].reason) == (
        "False",
        "TooManyDeletions",
    )
    token = status.hold.token

    shown = setup.run(behaviour="held")
    assert shown.code == 3
    assert shown.out.startswith("Outcome           Held\n")
    assert f"--acknowledge {token}" in shown.out

    answer = setup.run("--acknowledge", token, behaviour="held")
    assert answer.code == 0, answer.err
    assert setup.seen()["plan"]["acknowledge"] == token


def test_a_token_of_other_places_releases_nothing(setup: Setup) -> None:
    answer = setup.run("--acknowledge", "9-0123456789", behaviour="held")
    assert answer.code == 3


@pytest.mark.parametrize("value", ["9", "yes", "-5-0123456789", "9-012345678", "9-0123456789x"])
def test_refuses_what_is_no_token(setup: Setup, value: str) -> None:
    answer = setup.run(f"--acknowledge={value}")
    assert answer.code == 2
    assert f"--acknowledge {value}: this is no token" in answer.err
    assert not setup.seen_file.exists()


def test_a_dry_run_is_asked_for_and_told_as_one(setup: Setup) -> None:
    answer = setup.run("--dry-run")
    assert answer.code == 0, answer.err
    assert setup.seen()["plan"]["mode"] == "DryRun"
    rows = {line[:20].strip(): line[20:].strip() for line in answer.out.splitlines()}
    assert rows["Outcome"] == "Success"
    assert rows["Mode"].startswith("DryRun: nothing was written")
    assert rows["To transfer"] == "4 files, 4.0 KiB"
    assert rows["S3 requests"] == "4 PutObject, 1 ListObjectsV2"
    assert "Transferred" not in rows
    status = ExecutionStatus.model_validate_json(setup.run("--dry-run", "-o", "json").out)
    assert status.resolved is not None and status.resolved.mode == "DryRun"
    assert status.requests == {"PutObject": 4, "ListObjectsV2": 1}
    assert "a dry run, nothing was written: 4 files" in status.conditions[0].message


def test_without_it_a_run_transfers(setup: Setup) -> None:
    assert setup.run().code == 0
    assert setup.seen()["plan"]["mode"] == "Transfer"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_reaches_the_runner_and_ends_in_130(setup: Setup, number: int) -> None:
    process = start(
        *setup.arguments("-o", "json"), FAKE_RUNNER="stopped", FAKE_RUNNER_READY=str(setup.ready)
    )
    await_file(setup.ready)
    process.send_signal(number)
    answer = finish(process)
    assert answer.code == 130, answer.err
    assert json.loads(answer.out)["phase"] == "Cancelled"


SIGNALLED = """
import os, signal
from datasync_cli import local_run
make_plan = local_run.make_plan

def signalled(*arguments, **options):
    os.kill(os.getpid(), signal.{})
    return make_plan(*arguments, **options)

local_run.make_plan = signalled
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_before_the_runner_is_there_starts_none_and_leaves_no_secrets(
    setup: Setup, tmp_path: Path, number: signal.Signals
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    process = start(
        *setup.arguments("-o", "json"),
        before=SIGNALLED.format(number.name),
        FAKE_RUNNER="success",
        FAKE_RUNNER_SEEN=str(setup.seen_file),
        TMPDIR=str(private),
    )
    answer = finish(process)
    assert answer.code == 130, answer.err
    assert json.loads(answer.out)["phase"] == "Cancelled"
    assert list(private.iterdir()) == []
    assert not setup.seen_file.exists()


AS_IT_STARTS = """
import os, signal, time
from datasync_cli import launch, supervision
started, stand_alone = supervision.Child, launch._stand_alone

def signalled(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    return started(*arguments)

def once_it_is_asked_to_stop(*arguments):  # or never, where that was lost
    end = time.monotonic() + 5
    while not signal.sigpending() and time.monotonic() < end:
        time.sleep(0.01)
    stand_alone(*arguments)

supervision.Child, launch._stand_alone = signalled, once_it_is_asked_to_stop
"""


@pytest.mark.parametrize("runner", [FAKE_RUNNER, None], ids=["executed", "copied"])
def test_an_interrupt_while_the_runner_is_started_reaches_it(
    setup: Setup, tmp_path: Path, runner: tuple[str, ...] | None
) -> None:
    (setup.tree / "x").write_text("x")
    (tmp_path / "out" / "sub").mkdir(parents=True)
    setup.write(NAS, CLAIM, task(destination="claim", more=", options: {uid: None, gid: None}"))
    arguments = setup.arguments("-o", "json", f"--mount=claim={tmp_path / 'out'}")
    answer = finish(start(*arguments, runner=runner, before=AS_IT_STARTS))
    assert answer.code == 130, answer.err
    assert json.loads(answer.out)["phase"] == "Cancelled"
    assert list((tmp_path / "out" / "sub").iterdir()) == []


def test_a_hangup_that_is_ignored_is_ignored(setup: Setup) -> None:
    process = start(
        *setup.arguments("-o", "json"),
        before="import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        + SIGNALLED.format("SIGHUP"),
        FAKE_RUNNER="success",
    )
    answer = finish(process)
    assert answer.code == 0, answer.err


def test_a_second_interrupt_kills_a_runner_that_does_not_listen(setup: Setup) -> None:
    process = start(
        *setup.arguments("-o", "json"), FAKE_RUNNER="deaf", FAKE_RUNNER_READY=str(setup.ready)
    )
    await_file(setup.ready)
    process.send_signal(signal.SIGINT)
    # Signals of one number may merge, so the second is another.
    process.send_signal(signal.SIGTERM)
    answer = finish(process)
    assert answer.code == 130, answer.err
    assert json.loads(answer.out)["phase"] == "Cancelled"


def test_the_deadline_of_the_task_ends_the_run(setup: Setup) -> None:
    setup.write(SECRET, CA, NAS, BUCKET, task(more=", deadlineSeconds: 1"))
    answer = setup.run("--output", "json", behaviour="stopped")
    assert answer.code == 1
    assert json.loads(answer.out)["conditions"][0]["reason"] == "DeadlineExceeded"


def await_file(path: Path) -> None:
    end = time.monotonic() + 15
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


REFUSED: dict[str, tuple[tuple[str, ...], list[str], str]] = {
    "no task": ((agent("{}"),), [], "no DataSyncTask is among the given documents"),
    "two tasks": ((NAS, BUCKET, SECRET, CA, task(), task("other")), [], "choose one by --task"),
    "no such task": ((NAS, BUCKET, task()), ["--task", "x"], "--task may be one of: mirror"),
    "no location": ((NAS, task()), [], "DataSyncLocation bucket, which is not among"),
    "no secret": ((NAS, BUCKET, CA, task()), [], "Secret keys is not among the given documents"),
    "no config map": ((NAS, BUCKET, SECRET, task()), [], "ConfigMap corp is not among"),
    "no key": (
        (NAS, BUCKET, SECRET, CA.replace("ca.crt:", "other:"), task()),
        [],
        "ConfigMap corp has no key ca.crt: add it",
    ),
    "not base64": (
        (NAS, BUCKET, SECRET.replace("a2V5", "a-b"), CA, task()),
        [],
        "data.AWS_ACCESS_KEY_ID is not base64: use stringData",
    ),
    "a key that is a path": (
        (NAS, BUCKET, SECRET.replace("AWS_ACCESS_KEY_ID", "../x"), CA, task()),
        [],
        "'../x' is not a key",
    ),
    "a mounted share without its mount": (
        (NAS, MOUNTED, task(destination="share")),
        [],
        "mount it and add --mount share=PATH",
    ),
    "a mounted share without its folder": (
        (NAS, MOUNTED, task(destination="share")),
        ["--mount", "share=."],
        "has no folder plans/2024: make it, or correct path",
    ),
    "no mount": (
        (NAS, BUCKET, SECRET, CA, CLAIM, task(destination="claim")),
        [],
        "mount it and add --mount claim=PATH",
    ),
    "mount of a bucket": (
        (NAS, BUCKET, SECRET, CA, task()),
        ["--mount", "bucket=."],
        "reached directly: leave it out",
    ),
    "mount of a stranger": ((NAS, BUCKET, task()), ["--mount", "x=."], "it is bucket or nas"),
    "malformed mount": ((NAS, BUCKET, task()), ["--mount", "nas"], "write --mount LOCATION=PATH"),
    "mount without folder": (
        (NAS, BUCKET, task()),
        ["--mount", "nas=/no/such"],
        "/no/such is not a folder: mount or make it first",
    ),
    "no such manifest": (
        (NAS, BUCKET, SECRET, CA, task()),
        ["--manifest", "/no/such"],
        "--manifest /no/such: no such file: check the path",
    ),
    "a manifest and filters": (
        (NAS, BUCKET, SECRET, CA, task(more=", excludes: [{value: '*.tmp'}]")),
        ["--manifest", __file__],
        "remove the task's includes and excludes",
    ),
    "a manifest and deletions": (
        (NAS, BUCKET, SECRET, CA, task(more=", options: {preserveDeletedFiles: Remove}")),
        ["--manifest", __file__],
        "options.preserveDeletedFiles to Preserve",
    ),
    "no config map of the manifest": (
        (NAS, BUCKET, SECRET, CA, task(more=FROM_CONFIG_MAP)),
        [],
        "ConfigMap list is not among",
    ),
    "invalid manifest": ((NAS, agent("{runAsUser: -1}")), [], "spec.runAsUser"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_cannot_run_with_code_2(setup: Setup, name: str) -> None:
    texts, arguments, words = REFUSED[name]
    setup.write(*texts)
    answer = setup.run(*arguments)
    assert answer.code == 2
    assert words in answer.err
    assert answer.out == ""
    assert not setup.seen_file.exists()


NESTED = {"same": ("", ""), "below": ("", "inner"), "above": ("inner", ""), "by link": ("", "link")}


@pytest.mark.parametrize("name", NESTED)
def test_refuses_a_pair_of_folders_one_inside_the_other(setup: Setup, name: str) -> None:
    source, destination = NESTED[name]
    (setup.tree / "inner").mkdir()
    (setup.tree / "link").symlink_to("inner")
    for folder in (setup.tree, setup.tree / "inner"):
        (folder / "sub").mkdir()
    other = NAS.replace("server: nas", "server: b").replace("name: nas}", "name: other}")
    setup.write(NAS, other, task(destination="other"))
    answer = datasync(
        "run", "-f", setup.manifests,
        f"--mount=nas={setup.tree / source}", f"--mount=other={setup.tree / destination}",
    )  # fmt: skip
    assert answer.code == 2
    assert "choose a destination outside of the source" in answer.err


def test_a_share_that_is_mounted_is_taken_where_it_is(setup: Setup) -> None:
    """Its Secret is for the CSI driver of a cluster, and is not asked for here."""
    (setup.tree / "plans" / "2024").mkdir(parents=True)
    setup.write(SECRET, CA, MOUNTED, BUCKET, task(source="share"))
    answer = datasync(
        *("run", "-f", str(setup.manifests), f"--mount=share={setup.tree}"),
        FAKE_RUNNER="success",
        FAKE_RUNNER_SEEN=str(setup.seen_file),
    )
    assert answer.code == 0, answer.err
    seen = setup.seen()
    assert seen["plan"]["source"] == {
        "kind": "Posix",
        "uri": "smb://files/team/plans/2024/",
        "root": str(setup.tree),
        "path": "plans/2024",
        "readOnly": False,
    }
    assert not any(name.startswith("source/") for name in seen["files"])


def test_refuses_security_descriptors_of_a_share_that_is_mounted(setup: Setup) -> None:
    flags = ", options: {securityDescriptorCopyFlags: OwnerDACL}"
    mounted = MOUNTED.replace("path: plans/2024, ", "").replace("share}", "mounted}")
    other = SHARE.replace("share: team", "share: other")
    setup.write(LOGIN, mounted, other, task(source="mounted", destination="share", more=flags))
    for answer in (
        datasync("run", "-f", setup.manifests, f"--mount=mounted={setup.tree}"),
        datasync("validate", "-f", setup.manifests),
    ):
        assert answer.code in (1, 2)
        assert "set access of that location to Direct" in answer.err + answer.out


def test_refuses_security_descriptors_of_what_is_no_share(setup: Setup) -> None:
    (setup.tree / "a").mkdir()
    (setup.tree / "b").mkdir()
    other = NAS.replace("server: nas", "server: b").replace("name: nas}", "name: other}")
    flags = ", options: {securityDescriptorCopyFlags: OwnerDACL}"
    setup.write(NAS, other, task(destination="other", more=flags))
    answer = datasync(
        "run", "-f", setup.manifests,
        f"--mount=nas={setup.tree / 'a'}", f"--mount=other={setup.tree / 'b'}",
    )  # fmt: skip
    assert answer.code == 2
    assert "securityDescriptorCopyFlags OwnerDACL needs an SMB share at both ends" in answer.err


def test_version_and_usage() -> None:
    assert datasync("--version").out.startswith("datasync ")
    assert datasync("--version").code == 0
    assert datasync("run").code == 2
    assert datasync().code == 2


def test_a_report_is_a_page_of_what_the_status_says(setup: Setup, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    answer = setup.run("--report", str(file), FAKE_RUNNER_ASKED="1")
    assert answer.code == 0, answer.err
    assert f"report: {file}\n" in answer.err
    page = file.read_text()
    assert "nfs://nas/export/" in page and ">Success<" in page
    assert "2.5 s" in page and "2.0 KiB/s" in page
    assert setup.seen()["plan"]["countSizes"] is True
    for secret in ("s3cret-word", setup.seen()["files"]["token"], setup.seen()["folder"]):
        assert secret not in page


def test_a_report_of_a_run_that_failed_says_why_and_how_to_fix_it(
    setup: Setup, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    assert setup.run("--report", str(file), behaviour="files-failed").code == 1
    page = file.read_text().replace("<bdi>", "").replace("</bdi>", "")
    for told in (">Error<", "PermissionDenied", "/a/[b]", "run as a user that may read it"):
        assert told in page


def test_a_report_of_a_runner_that_said_nothing_is_written_all_the_same(
    setup: Setup, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    assert setup.run("--report", str(file), behaviour="no-result").code == 1
    assert "ResultMissing" in file.read_text()


def test_a_report_inside_of_what_is_transferred_is_refused(setup: Setup) -> None:
    answer = setup.run("--report", str(setup.tree / "report.html"))
    assert (answer.code, answer.out) == (2, "")
    assert "takes part in the transfer" in answer.err
    assert not setup.seen_file.exists()


def test_a_report_that_could_not_be_written_is_no_success(setup: Setup, tmp_path: Path) -> None:
    answer = setup.run("--report", str(tmp_path / ("x" * 300)))
    assert answer.code == 1
    assert "was not written" in answer.err
    assert "Outcome           Success" in answer.out


def test_without_a_report_nothing_is_counted_for_one(setup: Setup) -> None:
    setup.run()
    assert setup.seen()["plan"]["countSizes"] is False


LOGGING = ", logging: {cloudWatch: {region: eu-west-1, streamPrefix: pre-}}"


def test_the_log_goes_to_the_stream_that_the_task_names(setup: Setup) -> None:
    setup.write(SECRET, CA, NAS, BUCKET, task(more=LOGGING))
    assert setup.run().code == 0
    assert setup.seen()["plan"]["cloudWatch"] == {
        "logGroup": "/aws/datasync",
        "logStream": "pre-mirror/mirror-local",
        "region": "eu-west-1",
        "createLogGroup": False,
    }


def test_a_log_that_did_not_arrive_is_told_and_fails_nothing(setup: Setup) -> None:
    answer = setup.run(behaviour="log-lost")
    assert answer.code == 0, answer.err
    assert "LogsIncomplete: 3 lines did not reach CloudWatch Logs: no right" in answer.out
    status = ExecutionStatus.model_validate_json(
        setup.run("--output", "json", behaviour="log-lost").out
    )
    assert [(c.type, c.status) for c in status.conditions] == [
        ("LogsDelivered", "False"),
        ("Ready", "True"),
    ]


def test_the_log_of_the_real_runner_is_kept_whole(setup: Setup, tmp_path: Path) -> None:
    (setup.tree / "x").write_text("x")
    (tmp_path / "out" / "sub").mkdir(parents=True)
    transfer = ", options: {logLevel: Transfer, uid: None, gid: None}"
    setup.write(NAS, CLAIM, task(destination="claim", more=transfer))
    file = tmp_path / "run.log"
    file.write_text("the last run's")
    arguments = setup.arguments(f"--mount=claim={tmp_path / 'out'}", "--log", str(file))
    answer = datasync(*arguments, runner=None)
    assert answer.code == 0, answer.err
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    events = [line["event"] for line in lines]
    assert (events[0], events[-1]) == ("started", "finished")
    assert [line["path"] for line in lines if line["event"] == "transferred"] == ["/x"]
    assert "exchange" not in events


def test_a_baseline_inside_of_what_is_transferred_is_refused(setup: Setup) -> None:
    answer = setup.run("--baseline", str(setup.tree / "state" / "baseline.json"))
    assert answer.code == 2
    assert "takes part in the transfer" in answer.err
    assert not setup.seen_file.exists()


def test_a_location_has_one_folder(setup: Setup, tmp_path: Path) -> None:
    answer = setup.run(f"--mount=nas={tmp_path}")
    assert answer.code == 2
    assert "nas has a folder already: name it once" in answer.err
    assert not setup.seen_file.exists()


def test_a_log_inside_of_what_is_transferred_is_refused(setup: Setup) -> None:
    answer = setup.run("--log", str(setup.tree / "run.log"))
    assert answer.code == 2
    assert "takes part in the transfer" in answer.err
    assert not (setup.tree / "run.log").exists()


def test_a_log_that_finds_no_room_ends_no_run(setup: Setup) -> None:
    answer = setup.run("--log", "/dev/full", behaviour="crash")
    assert "the log /dev/full is not whole" in answer.err
    assert "it broke here" in answer.out


def test_a_log_that_cannot_be_opened_is_refused(setup: Setup, tmp_path: Path) -> None:
    answer = setup.run("--log", str(tmp_path / ("x" * 300)))
    assert answer.code == 2
    assert "it cannot be written: File name too long" in answer.err

"""The Job and what it mounts: accepted by Kubernetes' schemas, restricted, without secrets."""

import json
from typing import Any

import kubernetes_validate
import pytest

from datasync_api.agent import Agent
from datasync_api.exit_codes import ExitCode
from datasync_api.location import Location, LocationSpec
from datasync_api.plan import TransferPlan
from datasync_api.windows import Window
from datasync_operator.decide import manifests, naming, volumes
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.recipe import Recipe
from fakes.objects import (
    SETTINGS,
    agent,
    bucket,
    claim,
    efs,
    execution,
    lustre,
    nfs,
    ontap_share,
    s3,
    smb,
    task,
)

RUN = execution()


def recipe(
    source: Location | None = None, destination: Location | None = None, on: Agent | None = None
) -> Recipe:
    return Recipe(task(), source or nfs(), destination or bucket(), on)


def pod_of(made: Recipe) -> dict[str, Any]:
    job = manifests.job(RUN, made, SETTINGS, attempt=1)
    kubernetes_validate.validate(job, "1.34", strict=True)
    return job["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    "made",
    [
        recipe(),
        recipe(claim(), nfs("out")),
        recipe(efs(), lustre()),
        recipe(s3("one"), s3("two")),
        recipe(on=agent()),
        recipe(smb()),
    ],
    ids=[
        "nfs to bucket",
        "claim to nfs",
        "efs to lustre",
        "s3 to s3",
        "with an agent",
        "smb to bucket",
    ],
)
def test_pods_are_restricted(made: Recipe) -> None:
    """Kubernetes documentation, Pod Security Standards: restricted."""
    pod = pod_of(made)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "fsGroup" not in pod["securityContext"]
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    kinds = {key for volume in pod["volumes"] for key in volume if key != "name"}
    assert kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}


def test_the_plan_carries_all_that_chooses_files() -> None:
    chosen = task(
        includes=[{"filterType": "Glob", "value": "*.{c,h}"}],
        excludes=[{"value": "*.tmp"}],
        fileConditions={"minSize": "1Ki", "minAge": "1d"},
        options={"hiddenFiles": "Exclude"},
    )
    text = json.loads(Recipe(chosen, nfs(), bucket(), None).plan(RUN, SETTINGS).text())
    assert text["includes"] == [{"filterType": "Glob", "value": "*.{c,h}"}]
    assert text["excludes"] == [{"filterType": "SimplePattern", "value": "*.tmp"}]
    assert text["fileConditions"] == {"minSize": "1Ki", "minAge": "1d"}
    assert text["options"]["hiddenFiles"] == "Exclude"


def test_secrets_are_mounted_by_name_and_never_in_the_plan() -> None:
    made = recipe()
    text = made.plan(RUN, SETTINGS).text()
    assert "keys" not in text
    assert (
        json.loads(text)["destination"]["credentialsPath"]
        == "/etc/datasync/destination-credentials"
    )
    secrets = [v["secret"]["secretName"] for v in pod_of(made)["volumes"] if "secret" in v]
    assert secrets == [manifests.token_name(RUN), "keys"]


@pytest.mark.parametrize("share", [smb(), ontap_share()], ids=["smb", "ontap"])
def test_a_share_is_reached_by_its_secret_alone(share: Location) -> None:
    made = recipe(share, s3("mirror"))
    pod = pod_of(made)
    secrets = {v["name"]: v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    assert secrets["source-credentials"] == "login"
    assert not any("persistentVolumeClaim" in volume for volume in pod["volumes"])
    side = json.loads(made.plan(RUN, SETTINGS).text())["source"]
    assert side["credentialsPath"] == "/etc/datasync/source-credentials"
    mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts[side["credentialsPath"]]["readOnly"] is True


@pytest.mark.parametrize("of_a_server", [smb, ontap_share])
def test_a_keytab_and_its_realm_are_mounted_where_the_plan_says(of_a_server: Any) -> None:
    kerberos = {
        "principal": "backup@EXAMPLE.COM",
        "keytabSecretRef": {"name": "keytab"},
        "krb5ConfRef": {"name": "realm"},
    }
    share = of_a_server(authentication="Kerberos", kerberos=kerberos, credentialsSecretRef=None)
    made = recipe(share, s3("mirror"))
    pod = pod_of(made)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["source-credentials"]["secret"]["secretName"] == "keytab"
    items = [{"key": "krb5.conf", "path": "krb5.conf"}]
    assert volumes["source-krb5"]["configMap"] == {"name": "realm", "items": items}
    side = json.loads(made.plan(RUN, SETTINGS).text())["source"]
    mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    for path in (side["credentialsPath"], side["krb5ConfPath"].removesuffix("/krb5.conf")):
        assert mounts[path]["readOnly"] is True


def test_the_plan_has_what_the_last_run_proved() -> None:
    time = "2026-11-23T11:00:00.000001Z"
    proven = {"recipe": "0" * 64, "sourceTime": time, "destinationTime": time}
    made = Recipe(task(status={"baseline": proven}), nfs(), bucket(), None)
    stored = json.loads(made.plan(RUN, SETTINGS).text())["baseline"]
    assert {**stored, **proven} == stored
    assert recipe().plan(RUN, SETTINGS).baseline is None


def test_the_plan_is_what_the_runner_reads() -> None:
    made = recipe()
    plan = made.plan(RUN, SETTINGS)
    stored = manifests.plan_config_map(RUN, plan)["data"]["plan.json"]
    assert TransferPlan.model_validate_json(stored) == plan
    assert manifests.plan_config_map(RUN, plan)["immutable"] is True


def test_a_run_that_begins_in_a_window_has_its_rate_from_the_first_byte_on() -> None:
    made = Recipe(task(options={"bytesPerSecond": 9000}), nfs(), bucket(), None)
    window = Window(begin="08:00", end="18:00", bytes_per_second=500)
    assert made.plan(RUN, SETTINGS, window=window).options.bytes_per_second == 500
    own = execution(bytesPerSecond=700)
    assert made.plan(own, SETTINGS, window=window).options.bytes_per_second == 700
    assert made.plan(RUN, SETTINGS).options.bytes_per_second == 9000


@pytest.mark.parametrize("mode", ["Transfer", "DryRun"])
def test_the_mode_is_the_executions(mode: str) -> None:
    assert recipe().plan(execution(mode=mode), SETTINGS).mode == mode
    assert recipe().plan(RUN, SETTINGS).mode == "Transfer"


def test_the_log_of_a_run_has_a_stream_of_its_own() -> None:
    asked = {"cloudWatch": {"region": "eu-west-1", "streamPrefix": "pre-"}}
    made = Recipe(task(logging=asked), nfs(), bucket(), agent())
    stream = made.plan(RUN, SETTINGS).cloud_watch
    assert stream is not None
    assert (stream.log_group, stream.region) == ("/aws/datasync", "eu-west-1")
    assert stream.log_stream == f"pre-nightly/{RUN.metadata.name}"
    assert recipe().plan(RUN, SETTINGS).cloud_watch is None


def test_a_report_has_a_place_in_the_pod() -> None:
    told = task(report={"locationRef": {"name": "told"}})
    made = Recipe(told, nfs(), bucket(), agent(), nfs().spec)
    plan = made.plan(RUN, SETTINGS)
    assert plan.report is not None
    assert plan.report.destination.kind == "Posix"
    pod = manifests.job(RUN, made, SETTINGS, attempt=1)["spec"]["template"]["spec"]
    [mount] = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "report"]
    assert mount == {"name": "report", "mountPath": "/mnt/report", "readOnly": False}
    [volume] = [v for v in pod["volumes"] if v["name"] == "report"]
    assert volume["persistentVolumeClaim"]["claimName"].endswith("-report")


@pytest.mark.parametrize(
    ("privileges", "user", "added"),
    [
        ("Restricted", 10001, None),
        ("ReadAll", 0, ["DAC_READ_SEARCH"]),
        ("PreserveOwnership", 0, ["CHOWN", "DAC_OVERRIDE", "FOWNER"]),
    ],
)
def test_privileges(privileges: str, user: int, added: list[str] | None) -> None:
    pod = pod_of(recipe(on=agent(privileges=privileges)))
    assert pod["securityContext"]["runAsUser"] == user
    assert pod["securityContext"]["runAsNonRoot"] is (user != 0)
    assert pod["containers"][0]["securityContext"]["capabilities"].get("add") == added


@pytest.mark.parametrize(
    ("privileges", "added"),
    [
        ("Restricted", None),
        ("ReadAll", ["DAC_READ_SEARCH"]),
        ("PreserveOwnership", ["CHOWN", "DAC_OVERRIDE", "FOWNER", "MKNOD"]),
    ],
)
def test_a_task_that_keeps_devices_may_make_them(privileges: str, added: list[str] | None) -> None:
    keeping = task(options={"preserveDevices": "Preserve"})
    pod = pod_of(Recipe(keeping, nfs(), claim(), agent(privileges=privileges)))
    assert pod["containers"][0]["securityContext"]["capabilities"].get("add") == added


def test_every_knob_of_the_agent_reaches_the_pod() -> None:
    knobs = agent(
        nodeSelector={"zone": "a"},
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        serviceAccountName="mover",
        resources={"requests": {"cpu": 2}, "limits": {"memory": "3Gi"}},
        runAsUser=1234,
        runAsGroup=1235,
        supplementalGroups=[7, 8],
        podLabels={"team": "a"},
        podAnnotations={"note": "b"},
        imagePullSecrets=[{"name": "pull"}],
        priorityClassName="low",
        runtimeClassName="gvisor",
    )
    template = manifests.job(RUN, recipe(on=knobs), SETTINGS, attempt=1)["spec"]["template"]
    pod = template["spec"]
    assert pod["nodeSelector"] == {"zone": "a"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["serviceAccountName"] == "mover"
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": 2},
        "limits": {"memory": "3Gi"},
    }
    security = pod["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (1234, 1235)
    assert security["supplementalGroups"] == [7, 8]
    assert template["metadata"]["labels"]["team"] == "a"
    assert template["metadata"]["annotations"]["note"] == "b"
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert (pod["priorityClassName"], pod["runtimeClassName"]) == ("low", "gvisor")


def test_the_agents_proxy_and_certificates_are_the_pods() -> None:
    ca = {"configMapKeyRef": {"name": "corp", "key": "root.pem"}}
    proxy, without = "http://proxy.example.com:3128", "10.0.0.0/8,.corp.example.com"
    pod = pod_of(recipe(on=agent(caBundle=ca, httpsProxy=proxy, noProxy=without)))
    variables = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    path = variables.pop("AWS_CA_BUNDLE")
    assert variables == {"HTTPS_PROXY": proxy, "NO_PROXY": without}
    [mount] = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "agent-ca"]
    [volume] = [v for v in pod["volumes"] if v["name"] == "agent-ca"]
    assert mount["readOnly"] is True
    assert volume["configMap"]["name"] == "corp"
    [item] = volume["configMap"]["items"]
    assert (item["key"], f"{mount['mountPath']}/{item['path']}") == ("root.pem", path)
    assert "env" not in pod_of(recipe(on=agent()))["containers"][0]


def test_the_agents_affinity_is_the_pods() -> None:
    required, preferred = (
        f"{how}DuringSchedulingIgnoredDuringExecution" for how in ("required", "preferred")
    )
    zone = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
    sibling = {
        "labelSelector": {
            "matchLabels": {"app": "db"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["test"]}],
        },
        "topologyKey": "kubernetes.io/hostname",
        "namespaces": ["databases"],
        "namespaceSelector": {"matchLabels": {"team": "a"}, "matchExpressions": []},
    }
    weighted = {"weight": 7, "podAffinityTerm": sibling}
    asked = {
        "nodeAffinity": {
            required: {"nodeSelectorTerms": [zone]},
            preferred: [{"weight": 100, "preference": zone}],
        },
        "podAffinity": {required: [sibling], preferred: [weighted]},
        "podAntiAffinity": {required: [], preferred: [weighted]},
    }
    assert pod_of(recipe(on=agent(affinity=asked)))["affinity"] == asked
    assert "affinity" not in pod_of(recipe(on=agent()))


@pytest.mark.parametrize(("spec", "queue"), [({}, None), ({"queueName": "batch"}, "batch")])
def test_kueue_finds_its_queue_on_the_job(spec: dict[str, Any], queue: str | None) -> None:
    """Kueue documentation, "Run A Kubernetes Job": the label stands on the Job, Kueue suspends."""
    job = manifests.job(RUN, recipe(on=agent(**spec)), SETTINGS, attempt=1)
    kubernetes_validate.validate(job, "1.34", strict=True)
    assert job["metadata"]["labels"].get("kueue.x-k8s.io/queue-name") == queue
    assert Owner.of_run(RUN).labels.items() <= job["metadata"]["labels"].items()
    assert "suspend" not in job["spec"]


def test_labels_of_ours_win_over_the_agents() -> None:
    greedy = agent(podLabels={naming.EXECUTION_UID_LABEL: "other"})
    template = manifests.job(RUN, recipe(on=greedy), SETTINGS, attempt=1)["spec"]["template"]
    assert template["metadata"]["labels"][naming.EXECUTION_UID_LABEL] == RUN.metadata.uid


def test_the_s3_locations_service_account_is_the_pods() -> None:
    assert (
        pod_of(recipe(nfs(), s3("two", serviceAccountName="irsa")))["serviceAccountName"] == "irsa"
    )


def test_the_failure_policy_is_the_exit_code_table() -> None:
    spec = manifests.job(RUN, recipe(), SETTINGS, attempt=1)["spec"]
    [fail, ignore] = spec["podFailurePolicy"]["rules"]
    assert fail["onExitCodes"]["values"] == [10, 11, 12, 20]
    assert ExitCode.TRANSIENT not in fail["onExitCodes"]["values"]
    assert ignore["action"] == "Ignore"
    assert spec["backoffLimit"] == 3
    assert spec["podReplacementPolicy"] == "Failed"


def test_retry_and_deadline_are_the_tasks() -> None:
    limited = task(retry={"limit": 0}, deadlineSeconds=77)
    spec = manifests.job(RUN, Recipe(limited, nfs(), bucket(), None), SETTINGS, attempt=1)["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 77)


def test_a_source_claim_is_mounted_read_only() -> None:
    [mount] = volumes.pod_parts(Owner.of_run(RUN), claim().spec, "source").mounts
    assert mount["readOnly"] is True
    [mount] = volumes.pod_parts(Owner.of_run(RUN), claim().spec, "destination").mounts
    assert mount["readOnly"] is False


def test_a_ca_bundle_is_mounted_where_the_plan_says() -> None:
    ca = {"configMapKeyRef": {"name": "corp", "key": "root.pem"}}
    location = bucket(caBundle=ca)
    parts = volumes.pod_parts(Owner.of_run(RUN), location.spec, "destination")
    assert {"key": "root.pem", "path": "ca.crt"} in parts.volumes[1]["configMap"]["items"]
    side = recipe(destination=location).plan(RUN, SETTINGS).destination
    assert side.kind == "S3"
    assert side.ca_bundle_path == f"{parts.mounts[1]['mountPath']}/ca.crt"


def test_a_manifest_is_mounted_where_the_plan_says() -> None:
    ref = {"configMapKeyRef": {"name": "list", "key": "today.csv"}}
    made = Recipe(task(manifest=ref), nfs(), bucket(), None)
    pod = pod_of(made)
    [volume] = [volume for volume in pod["volumes"] if volume["name"] == "manifest"]
    items = [{"key": "today.csv", "path": "manifest.csv"}]
    assert volume["configMap"] == {"name": "list", "items": items}
    [container] = pod["containers"]
    [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == "manifest"]
    assert mount["readOnly"] is True
    place = made.plan(RUN, SETTINGS).manifest_place
    assert place is not None
    assert (place.kind, place.path) == ("Mounted", f"{mount['mountPath']}/manifest.csv")


def test_a_manifest_at_the_source_needs_no_mount() -> None:
    made = Recipe(task(manifest={"path": "lists/today.csv"}), nfs(), bucket(), None)
    assert "manifest" not in {volume["name"] for volume in pod_of(made)["volumes"]}
    place = made.plan(RUN, SETTINGS).manifest_place
    assert place is not None
    assert (place.kind, place.path) == ("Source", "lists/today.csv")


def test_a_manifest_in_a_bucket_brings_the_keys_of_its_location() -> None:
    keys_of_lists = {"bucket": "lists", "credentialsSecretRef": {"name": "list-keys"}}
    lists = LocationSpec.model_validate({"s3": keys_of_lists})
    listed = {"locationRef": {"name": "lists"}, "key": "today.csv"}
    made = Recipe(task(manifest={"s3": listed}), nfs(), bucket(), None, manifest=lists)
    place = made.plan(RUN, SETTINGS).manifest_place
    assert place is not None
    assert place.side is not None
    pod = pod_of(made)
    [container] = pod["containers"]
    [keys] = [v["name"] for v in pod["volumes"] if v.get("secret") == {"secretName": "list-keys"}]
    [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == keys]
    assert (mount["mountPath"], mount["readOnly"]) == (place.side.credentials_path, True)


@pytest.mark.parametrize("name", ["a", "a" * 253, "with.dots.in-it", "x" * 60 + ".y"])
def test_names_fit_and_are_unique_to_the_run(name: str) -> None:
    made = {
        naming.job(name, "uid-1", 1),
        naming.job(name, "uid-1", 2),
        naming.job(name, "uid-2", 1),
        naming.child(name, "uid-1", "plan"),
        naming.child(name, "uid-2", "plan"),
    }
    assert len(made) == 5
    assert all(len(one) <= 63 and "." not in one for one in made)
    assert all(len(naming.job(name, "u", 20)) <= 57 for _ in made)

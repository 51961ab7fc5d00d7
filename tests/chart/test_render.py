"""What the chart installs: least rights, a restricted pod, the CRDs as they are in crds/."""

from collections.abc import Iterable
from typing import Any

import kubernetes_validate
import pytest
import yaml

from datasync_operator.decide import drivers
from fixtures.testbed import ROOT

pytestmark = pytest.mark.control_plane

CHART = ROOT / "charts" / "datasync"
NAMESPACED = 'watchNamespaces=["team-a","team-b"]'
CLUSTER_SCOPED = {"persistentvolumes", "nodes", "csidrivers"}
EVERYTHING = (
    'operator.nodeSelector={"kubernetes.io/os":"linux"}',
    'operator.tolerations=[{"key":"dedicated","operator":"Exists"}]',
    'operator.affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":'
    '{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Exists"}]}]}}}',
    'operator.podLabels={"team":"storage"}',
    'operator.podAnnotations={"example.com/scrape":"true"}',
    'operator.imagePullSecrets=[{"name":"registry"}]',
    'operator.priorityClassName="system-cluster-critical"',
    'serviceAccount.annotations={"example.com/owner":"storage"}',
    "operator.exchangeIntervalSeconds=2",
)
MODES = pytest.mark.parametrize(
    "sets",
    [
        (),
        (NAMESPACED,),
        (NAMESPACED, "crds.install=false"),
        EVERYTHING,
        ("serviceAccount.create=false",),
    ],
    ids=["default", "namespaced", "no-crds", "everything", "own-account"],
)


def of_kind(documents: Iterable[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [document for document in documents if document["kind"] in kinds]


def pod(documents: Iterable[dict[str, Any]]) -> dict[str, Any]:
    (deployment,) = of_kind(documents, "Deployment")
    return deployment["spec"]["template"]["spec"]


def environment(documents: Iterable[dict[str, Any]]) -> dict[str, str]:
    (container,) = pod(documents)["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def allowed(documents: Iterable[dict[str, Any]], *kinds: str) -> set[tuple[str, str]]:
    """(resource, verb) over all rules of these kinds of roles."""
    return {
        (resource, verb)
        for role in of_kind(documents, *kinds)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_lint_finds_nothing(helm):
    done = helm("lint", "--strict", CHART)

    assert "0 chart(s) failed" in done.stdout


@MODES
def test_manifests_have_the_schemas_of_kubernetes(render, sets):
    for document in render(*sets):
        kubernetes_validate.validate(document, "1.34", strict=True)


def test_the_same_values_render_to_the_same_text(render_text):
    assert render_text() == render_text()


def test_crds_are_those_of_the_folder(render):
    files = [yaml.safe_load(path.read_text()) for path in (ROOT / "crds").glob("*.yaml")]
    rendered = of_kind(render(), "CustomResourceDefinition")

    assert len(files) == 4
    assert sorted(rendered, key=str) == sorted(files, key=str)
    assert {crd["metadata"]["annotations"]["helm.sh/resource-policy"] for crd in rendered} == {
        "keep"
    }


def test_crds_can_be_left_to_somebody_else(render):
    assert of_kind(render("crds.install=false"), "CustomResourceDefinition") == []


@MODES
def test_the_operators_pod_is_restricted(render, sets):
    spec = pod(render(*sets))
    (container,) = spec["containers"]

    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all(not {"hostPath"} & volume.keys() for volume in spec["volumes"])


def test_never_two_operators_at_once(render):
    (deployment,) = of_kind(render(), "Deployment")

    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


@MODES
def test_a_secret_may_be_made_and_never_read(render, sets):
    documents = render(*sets)
    verbs = {
        verb
        for resource, verb in allowed(documents, "Role", "ClusterRole")
        if resource == "secrets"
    }

    assert verbs == {"create"}
    assert of_kind(documents, "Secret") == []


@MODES
def test_rules_name_every_verb_and_resource(render, sets):
    for resource, verb in allowed(render(*sets), "Role", "ClusterRole"):
        assert "*" not in resource
        assert verb != "*"


def test_the_cluster_wide_install_has_one_role(render):
    documents = render()
    (binding,) = of_kind(documents, "ClusterRoleBinding")
    (role,) = of_kind(documents, "ClusterRole")
    (account,) = of_kind(documents, "ServiceAccount")

    assert of_kind(documents, "Role", "RoleBinding") == []
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {
            "kind": "ServiceAccount",
            "name": account["metadata"]["name"],
            "namespace": "datasync-system",
        }
    ]
    assert pod(documents)["serviceAccountName"] == account["metadata"]["name"]


def test_the_namespaced_install_has_no_cluster_wide_right(render):
    documents = render(NAMESPACED)
    roles = of_kind(documents, "Role")

    assert of_kind(documents, "ClusterRole", "ClusterRoleBinding") == []
    assert {role["metadata"]["namespace"] for role in roles} == {
        "team-a",
        "team-b",
        "datasync-system",
    }
    assert not CLUSTER_SCOPED & {resource for resource, _ in allowed(roles, "Role")}
    assert environment(documents)["DATASYNC_WATCH_NAMESPACES"] == "team-a,team-b"


def test_the_namespaced_install_has_all_other_rights_of_the_cluster_wide_one(render):
    everywhere = allowed(render(), "ClusterRole")
    in_a_namespace = allowed(render('watchNamespaces=["datasync-system"]'), "Role")

    assert {resource for resource, _ in everywhere - in_a_namespace} == CLUSTER_SCOPED
    assert in_a_namespace <= everywhere


def test_only_the_drivers_that_a_location_may_need_are_looked_at(render):
    (role,) = of_kind(render(), "ClusterRole")
    (rule,) = (rule for rule in role["rules"] if "csidrivers" in rule["resources"])

    assert rule == {
        "apiGroups": ["storage.k8s.io"],
        "resources": ["csidrivers"],
        "resourceNames": [drivers.EFS.name, drivers.FSX_LUSTRE.name, drivers.SMB.name],
        "verbs": ["get"],
    }


def test_the_operators_settings(render):
    documents = render(
        'runner.image={"repository":"registry.example.com/runner","tag":"1.2.3"}',
        "operator.launchDeadlineSeconds=61",
        "operator.stallDeadlineSeconds=604800",
        "operator.exchangeIntervalSeconds=2",
        "operator.exchangePort=9001",
        'operator.logLevel="DEBUG"',
        release="backup",
    )

    assert environment(documents) == {
        "DATASYNC_NAMESPACE": "",  # by the downward API
        "DATASYNC_WATCH_NAMESPACES": "",
        "DATASYNC_RUNNER_IMAGE": "registry.example.com/runner:1.2.3",
        "DATASYNC_RUNNER_IMAGE_PULL_POLICY": "IfNotPresent",
        "DATASYNC_LAUNCH_DEADLINE_SECONDS": "61",
        "DATASYNC_STALL_DEADLINE_SECONDS": "604800",
        "DATASYNC_EXCHANGE_INTERVAL_SECONDS": "2",
        "DATASYNC_EXCHANGE_PORT": "9001",
        "DATASYNC_EXCHANGE_KEY_SECRET": "backup-datasync-exchange-key",
        "DATASYNC_EXCHANGE_KEY_FILE": "/etc/datasync/exchange-key/key",
        "DATASYNC_LIVENESS_PORT": "8080",
        "DATASYNC_LOG_LEVEL": "DEBUG",
    }
    (key,) = (volume for volume in pod(documents)["volumes"] if volume["name"] == "exchange-key")
    assert key["secret"] == {"secretName": "backup-datasync-exchange-key", "optional": True}


def test_images_follow_the_charts_version(render):
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    documents = render()
    (container,) = pod(documents)["containers"]

    assert container["image"] == f"datasync-operator:{version}"
    assert environment(documents)["DATASYNC_RUNNER_IMAGE"] == f"datasync-runner:{version}"


def test_a_real_api_server_takes_it_without_a_warning(control_plane, render_text):
    """Pod security admission warns of a Deployment whose pods it would refuse."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "datasync-system",
            "labels": {"pod-security.kubernetes.io/warn": "restricted"},
        },
    }
    control_plane.apply(namespace)
    done = control_plane.kubectl(
        *("apply", "--server-side", "--dry-run=server", "-f", "-"),
        input=render_text("crds.install=false", *EVERYTHING),
    )

    assert "deployment.apps/datasync serverside-applied" in done.stdout
    assert done.stderr == ""

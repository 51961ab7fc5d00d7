"""DataSyncAgent: where, with what rights and within what limits runner pods run."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from datasync_api.affinity import Affinity
from datasync_api.base import ApiModel, ListOf, Rule
from datasync_api.conditions import Conditions
from datasync_api.labels import AnnotationMap, LabelMap
from datasync_api.meta import Resource
from datasync_api.rate import UNLIMITED, BytesPerSecond
from datasync_api.text import (
    CaBundle,
    Name,
    Quantity,
    Reference,
    written_as,
)

Privileges = Literal["Restricted", "ReadAll", "PreserveOwnership"]
Connection = Literal["Online", "Offline"]
UserId = Annotated[int, Field(ge=0, le=2_147_483_647)]
QuantityMap = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=63)], Quantity], Field(max_length=16)
]


ProxyUrl = Annotated[
    str,
    Field(max_length=2048),
    written_as(
        r"(https?://[A-Za-z0-9._:\[\]-]+/?)?",
        "is not the URL of a proxy: write scheme, host and port alone, as in "
        "http://proxy.example.com:3128; a password has no place here",
    ),
]
QueueName = Annotated[
    str,
    Field(max_length=63),
    written_as(
        "([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?",
        "is not the name of a LocalQueue: use at most 63 lower-case letters, digits, '-' and '.'",
    ),
]
"""Kueue reads it from a label, and a label's value has 63 characters."""
NoProxy = Annotated[
    str,
    Field(max_length=4096),
    written_as(
        r"[A-Za-z0-9.:/*_\[\]-]*(,[A-Za-z0-9.:/*_\[\]-]+)*",
        "is not a list of hosts: write them with commas and without blanks, as in "
        "10.0.0.0/8,.corp.example.com",
    ),
]


class Toleration(ApiModel):
    """A taint that runner pods accept, as in a pod's `tolerations`."""

    key: Annotated[str, Field(max_length=317)] = ""
    operator: Literal["Exists", "Equal"] = "Equal"
    value: Annotated[str, Field(max_length=63)] = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None


class Resources(ApiModel):
    """What a runner pod requests and may use, as in a container's `resources`."""

    requests: QuantityMap = Field(default={"cpu": "500m", "memory": "512Mi"})
    limits: QuantityMap = Field(default={"memory": "1Gi"})


class AgentSpec(ApiModel):
    """The pod template of an agent's runners, narrowed to what is safe to set."""

    rules = (
        Rule(
            cel="self.noProxy == '' || self.httpsProxy != ''",
            message="noProxy names what a proxy is not for: set httpsProxy, or remove noProxy",
            field=".noProxy",
            holds=lambda spec: spec.no_proxy == "" or spec.https_proxy != "",
        ),
    )

    node_selector: LabelMap = Field(
        default_factory=dict, description="Labels a node must have; empty: any node."
    )
    tolerations: Annotated[list[Toleration], ListOf(), Field(max_length=32)] = Field(
        default_factory=list[Toleration], description="Taints that runner pods accept."
    )
    affinity: Affinity | None = Field(
        default=None,
        description="Further nodes and pods that runner pods need, prefer or keep away from, as in "
        "a pod. Required node affinity counts for whether the agent is Online.",
    )
    service_account_name: Name | None = Field(
        default=None,
        description="The service account of runner pods, for AWS credentials by IRSA or EKS Pod "
        "Identity. The Kubernetes API token is never mounted.",
    )
    resources: Resources = Field(
        default_factory=Resources,
        description="Resource requests and limits of a runner pod.",
        json_schema_extra={"default": {}},
    )
    privileges: Privileges = Field(
        default="Restricted",
        description="Restricted: no capability. ReadAll: uid 0 with DAC_READ_SEARCH alone, to read "
        "any file. PreserveOwnership: uid 0 with CHOWN, FOWNER and DAC_OVERRIDE, to write owners.",
    )
    run_as_user: UserId = Field(
        default=10001, description="uid of runner pods whose privileges are Restricted."
    )
    run_as_group: UserId = Field(default=10001, description="gid of runner pods.")
    supplemental_groups: Annotated[list[UserId], ListOf("set"), Field(max_length=32)] = Field(
        default_factory=list[int],
        description="Further groups of runner pods. fsGroup is never set: it would make the "
        "kubelet change the owners of the tree.",
    )
    max_concurrent_executions: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=4,
        description="Executions, and checks of locations, that may run at once on this agent; "
        "others wait.",
    )
    bytes_per_second: BytesPerSecond = Field(
        default=UNLIMITED,
        description="Ceiling for everything on this agent, in equal shares for the runs that "
        "transfer; -1: unlimited.",
    )
    ca_bundle: CaBundle | None = Field(
        default=None,
        description="Certificates to trust for HTTPS instead of the public ones, from a ConfigMap; "
        "a location's own caBundle counts first. Where both are needed, put both in.",
    )
    https_proxy: ProxyUrl = Field(
        default="", description="Proxy for HTTPS servers: S3, STS, CloudWatch Logs."
    )
    no_proxy: NoProxy = Field(
        default="",
        description="Hosts, domains and networks that are reached without the proxy, with commas: "
        "10.0.0.0/8,.corp.example.com",
    )
    pod_labels: LabelMap = Field(default_factory=dict, description="Labels of runner pods.")
    pod_annotations: AnnotationMap = Field(
        default_factory=dict, description="Annotations of runner pods."
    )
    image_pull_secrets: Annotated[list[Reference], ListOf(), Field(max_length=8)] = Field(
        default_factory=list[Reference], description="Secrets for pulling the runner image."
    )
    priority_class_name: Name | None = Field(
        default=None, description="PriorityClass of runner pods."
    )
    runtime_class_name: Name | None = Field(
        default=None, description="RuntimeClass of runner pods."
    )
    queue_name: QueueName = Field(
        default="",
        description="The LocalQueue of Kueue that lets the Jobs of runs start; empty: no queue. It "
        "must exist in this namespace.",
    )


class AgentStatus(ApiModel):
    """What the operator saw of the agent's nodes and runs."""

    observed_generation: int | None = None
    connection: Connection | None = Field(
        default=None, description="Online when at least one Ready node fits; else Offline."
    )
    last_connection_time: datetime | None = None
    matching_nodes: int | None = None
    ready_nodes: int | None = None
    active_executions: int | None = None
    queued_executions: int | None = None
    conditions: Conditions = ()


class Agent(Resource):
    """Where and with what limits runner pods run; the counterpart of an AWS DataSync agent."""

    kind_name: ClassVar[str] = "DataSyncAgent"

    kind: Literal["DataSyncAgent"] = "DataSyncAgent"
    spec: AgentSpec = Field(default_factory=AgentSpec)
    status: AgentStatus = Field(default_factory=AgentStatus)

"""How the runner pods of an agent reach HTTPS servers: its proxy, and whom they trust.

Told by the environment variables that libcurl and botocore read by themselves, so everything that
the runner asks by HTTPS keeps to them: S3, STS and CloudWatch Logs alike.
"""

from typing import Any, Final

from datasync_api.agent import AgentSpec
from datasync_operator.decide.volumes import PodParts

_FOLDER: Final = "/etc/datasync/agent-ca"
_FILE: Final = "ca.crt"


def environment(spec: AgentSpec) -> list[dict[str, Any]]:
    """The runner container's variables; none for what the agent does not say."""
    wanted = {
        "AWS_CA_BUNDLE": f"{_FOLDER}/{_FILE}" if spec.ca_bundle else "",
        "HTTPS_PROXY": spec.https_proxy,
        "NO_PROXY": spec.no_proxy,
    }
    return [{"name": name, "value": value} for name, value in wanted.items() if value]


def parts(spec: AgentSpec) -> PodParts:
    """The volume and the mount of the agent's certificates, where it names some."""
    if spec.ca_bundle is None:
        return PodParts((), ())
    ref = spec.ca_bundle.config_map_key_ref
    items = [{"key": ref.key, "path": _FILE}]
    volume = {"name": "agent-ca", "configMap": {"name": ref.name, "items": items}}
    return PodParts((volume,), ({"name": "agent-ca", "mountPath": _FOLDER, "readOnly": True},))

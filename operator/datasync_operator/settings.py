"""Settings of the operator: read once from the environment, at the edge.

Nothing else reads the environment.  A value that cannot be used ends the start with its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(ValueError):
    """A variable is missing or cannot be read; the text names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this installation runs its operator and its runner pods."""

    namespace: str
    """The operator's own namespace."""
    runner_image: str
    runner_image_pull_policy: str = "IfNotPresent"
    launch_deadline_seconds: int = 600
    """How long a run may wait for a runner pod to start, or for what it refers to."""
    stall_deadline_seconds: int = 1800
    """A run whose numbers have not moved for so long is ended."""
    exchange_interval_seconds: int = 5
    exchange_port: int = 8447
    exchange_key_secret: str = "datasync-exchange-key"  # noqa: S105 - the Secret's name
    exchange_key_file: Path = Path("/etc/datasync/exchange-key/key")
    watch_namespaces: tuple[str, ...] = ()
    """Empty: every namespace."""
    api_server: str | None = None
    """Where the kubelet says that the API server is; None outside of a pod."""
    liveness_port: int = 8080
    log_level: str = "INFO"
    workers: int = 8
    """Keys that are worked on at the same time."""

    @property
    def clusterwide(self) -> bool:
        """Whether objects without a namespace (nodes, volumes) may be used."""
        return not self.watch_namespaces

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Settings from `DATASYNC_…` variables.

        Raises: SettingsError.
        """
        try:
            image = environment["DATASYNC_RUNNER_IMAGE"]
        except KeyError as error:
            raise SettingsError(
                "DATASYNC_RUNNER_IMAGE is not set: name the runner image"
            ) from error

        def text(name: str, default: str) -> str:
            return environment.get(f"DATASYNC_{name}") or default

        def number(name: str, default: int) -> int:
            try:
                return int(text(name, str(default)))
            except ValueError as error:
                raise SettingsError(f"DATASYNC_{name} must be a whole number") from error

        host, port = (environment.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
        if host and ":" in host:
            host = f"[{host}]"
        return cls(
            api_server=f"https://{host}:{port or 443}" if host else None,
            namespace=text("NAMESPACE", "default"),
            runner_image=image,
            runner_image_pull_policy=text("RUNNER_IMAGE_PULL_POLICY", cls.runner_image_pull_policy),
            launch_deadline_seconds=number("LAUNCH_DEADLINE_SECONDS", cls.launch_deadline_seconds),
            stall_deadline_seconds=number("STALL_DEADLINE_SECONDS", cls.stall_deadline_seconds),
            exchange_interval_seconds=number(
                "EXCHANGE_INTERVAL_SECONDS", cls.exchange_interval_seconds
            ),
            exchange_port=number("EXCHANGE_PORT", cls.exchange_port),
            exchange_key_secret=text("EXCHANGE_KEY_SECRET", cls.exchange_key_secret),
            exchange_key_file=Path(text("EXCHANGE_KEY_FILE", str(cls.exchange_key_file))),
            watch_namespaces=tuple(
                name for part in text("WATCH_NAMESPACES", "").split(",") if (name := part.strip())
            ),
            liveness_port=number("LIVENESS_PORT", cls.liveness_port),
            log_level=text("LOG_LEVEL", cls.log_level).upper(),
        )

"""`python -m datasync_operator`: the operator as a process, configured by its environment."""

import asyncio
import logging
import os
import sys

from datasync_operator import logs
from datasync_operator.app import run
from datasync_operator.cluster.errors import ClusterError
from datasync_operator.objects import build_models
from datasync_operator.settings import Settings, SettingsError


def main() -> int:
    """Run until a signal; 2 when the settings cannot be used, 1 when the cluster cannot."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"datasync-operator: {error}\n")
        return 2
    logs.configure(settings.log_level)
    build_models()
    try:
        asyncio.run(run(settings, kubeconfig=os.environ.get("KUBECONFIG")))
    except ClusterError as error:
        logging.getLogger(__name__).critical("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

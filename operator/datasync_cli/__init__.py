"""The `datasync` command: the same manifests and the same runner, without a cluster.

It validates manifests as the API server would, and runs a task on this machine.  It talks to no
cluster, and imports neither the operator nor the runner, which it starts as a process.
"""

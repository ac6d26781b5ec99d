.DEFAULT_GOAL := help
.PHONY: help up down restart logs status clean build build-agent build-manager uninstall dev test lint bench

PYTHON := .venv/bin/python
PORTAL := $(PYTHON) manage.py portal
PACKAGES := agents cam_site metrics_app voice_app

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

up: $(PYTHON) ## Start the portal, if it is not running, and say where it is
	@$(PORTAL) up

down: $(PYTHON) ## Stop the portal; agents' containers stay as they are
	@$(PORTAL) down

restart: $(PYTHON) ## Stop and start the portal, with the settings that .env has now
	@$(PORTAL) restart

logs: $(PYTHON) ## Follow every process's log; Ctrl+C leaves
	@$(PORTAL) logs

status: $(PYTHON) ## What runs: the portal's processes and the agents' containers
	@$(PORTAL) status
	@docker ps --all --filter label=cam.agent

clean: $(PYTHON) ## Stop the portal and remove its agents' containers; PURGE=1: their homes as well
	@$(PORTAL) clean $(if $(filter 1,$(PURGE)),--purge)

build: build-agent build-manager ## Build everything that has changed

build-agent: ## Build the agents' image
	@agent_image/build

build-manager: ## Make the Python environments and collect the static files
	@./install.sh --no-start

uninstall: ## Remove everything but what you made: data/, .env and Docker stay
	@if [ -x $(PYTHON) ]; then $(PORTAL) uninstall; fi
	rm -rf .venv .venv-gateway staticfiles
	@echo 'Left as they are: the data directory (data/, or where CAM_DATA_DIR says), .env, and Docker itself.'
	@echo 'To remove these: rm -rf data .env; and as root: apt-get purge docker.io'

dev: $(PYTHON) ## Run in the foreground with CAM_DEBUG, reloading pages' code as it changes; Ctrl+C stops
	@trap '$(PORTAL) down' EXIT; trap : INT; \
		CAM_DEBUG=true $(PORTAL) restart && $(PORTAL) logs

test: ## Install what the tests need, then run them all, end to end included
	@scripts/test

lint: ## ruff, mypy, djade, and shellcheck where it is installed
	@scripts/install_dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy --exclude /sample_repository/ $(wildcard $(PACKAGES))
	.venv/bin/djade --target-version 5.2 --check $(shell find templates -name '*.html')
	@if command -v shellcheck >/dev/null; then shellcheck -x install.sh scripts/install_dev scripts/test .ci/run; \
		else echo 'shellcheck is not installed: shell scripts are not checked'; fi

bench: $(PYTHON) ## Measure costs, streaming, starts and memory
	@scripts/install_dev
	@$(PYTHON) -m bench

$(PYTHON):
	@echo 'CAM is not installed here yet: run ./install.sh'; exit 1

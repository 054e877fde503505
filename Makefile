# What there is to do here; `make` alone lists it.
PORT ?= 8000
export PORT

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench soak shots reset requirements

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## make the virtual environment .venv with the pinned packages, those for development too
	@bin/setup --development

run: ## start everything and serve on PORT (8000), until Ctrl-C
	@bin/setup && exec .venv/bin/python -m core.embedded

test: ## run the whole suite on embedded servers
	@bin/setup --development && exec bin/test

check: ## run linters, types, import rules, migration and template checks
	@bin/setup --development && exec bin/check

bench: ## measure against bare minimums, in under ten minutes; SIZE=full goes to millions
	@bin/setup --development && exec .venv/bin/python -m bench

soak: ## run the tests that take long, at full sizes; ONLY= picks a part
	@bin/setup --development && exec bin/test soak

shots: ## take the screenshot matrices
	@bin/setup --development && exec bin/test shots

reset: ## forget the data of `make run`
	@bin/setup && exec .venv/bin/python -m core.embedded.reset

requirements: ## compile the requirement files anew; UPGRADE=1 takes the newest versions
	@bin/setup --development && exec bin/requirements

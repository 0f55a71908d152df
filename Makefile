# Everything that CI runs, a developer runs with the same command. `make help` lists the targets.

# The borders inside the flat root package. These two lists stand nowhere else: layers_test.go reads them here.
# WIRE is tier 0 (pure functions); PROTO is tiers 0 and 1 (state without I/O), and also the minimal embed.
WIRE  = rules.go errors.go frame.go mask.go utf8.go close.go fields.go head.go compose.go handshake.go ask.go deflate.go origin.go
PROTO = $(WIRE) limits.go receiver.go receiver_deflate.go sender.go sender_deflate.go deflater.go deflater_history.go deflater_table.go deflater_match.go deflater_block.go deflater_huffman.go deflater_header.go deflater_bits.go inflate.go inflate_blocks.go inflate_symbols.go inflate_tables.go endpoint.go trace.go trace_frame.go trace_head.go trace_notes.go

# The checks of `make ci` besides `test`, in order.
CHECKS = lint layers style embed cross browser interop race cover fuzz outage soak autobahn docs

T    ?= 30s# time for each fuzz target
SOAK = $(if $(filter command environment,$(origin T)),$(T),10m)# time for make soak, which T sets too
ARGS ?=# more arguments for `make run` and `make interop`

# Settings of the caller's shell must not change what is built here.
export GOFLAGS := -buildvcs=false
export GOWORK  := off

JSWASM = CGO_ENABLED=0 GOOS=js GOARCH=wasm

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test race fuzz bench cover lint layers embed style wasm cross browser interop outage soak autobahn autobahn-quick docs ci clean rename checks

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

run: ## start the echo, broadcast and chat server on :8080 (ARGS='-addr :9000' changes flags)
	go run ./cmd/barewire serve $(ARGS)

test: ## run every test; needs nothing but Go
	go test ./...

race: ## run every test three times, shuffled, under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -shuffle=on -count=3 -timeout 30m ./...

fuzz: ## run each fuzz target for T (default 30s)
	tools/fuzz $(T)

bench: ## run the benchmarks with allocations
	go test -run '^$$' -bench . -benchmem .

cover: ## require 95 % coverage of tiers 0 and 1 by their own tests, compiled alone
	go run ./tools/cover -min 95 $(PROTO)

lint: ## gofmt, go vet, and staticcheck when it is installed
	tools/lint

layers: ## prove the borders: WIRE and PROTO compile alone, without clock, goroutine or socket
	go vet $(WIRE)
	go vet $(PROTO)
	$(JSWASM) go build $(PROTO)
	go test -list '^TestLayers' . | grep -q '^TestLayers'
	go test -count=1 -run '^TestLayers' .

embed: ## prove that copies, go work, replace and a renamed fork build
	tools/embed $(PROTO)
	tools/ways
	tools/rename/check

style: ## check sizes, names and comments
	go run ./tools/style

wasm: ## build tiers 0 and 1, then the whole package, for js/wasm
	$(JSWASM) go build $(PROTO)
	$(JSWASM) go build .

cross: ## build for other systems and processors, and run the tests as 386
	tools/cross

browser: ## drive the web page in headless Chromium (CHROMIUM names another one) against our server
	go run ./tools/browser

interop: ## talk to npm's ws and Python's websockets in both directions (ARGS=-missing=skip without them)
	go run ./tools/interop $(ARGS)

outage: ## kill and stop the server under 1,000 clients, and time how they notice and come back
	go run ./tools/outage

soak: ## keep 2,000 connections busy for T (default 10m), some through a chaos proxy, and look for what grows
	go run ./tools/soak -time $(SOAK)

autobahn: ## run the Autobahn suite against our server and our client and gate on its verdicts
	go run ./autobahn/run -j 2

autobahn-quick: ## a first look within a minute: 325 of its 517 cases, all but the larger ones of compression
	go run ./autobahn/run -j 2 -deadline 3m -case quick

docs: ## check that the links between the documents resolve
	go run ./tools/links

ci: T = 20s
ci: SOAK = 2m
ci: test $(CHECKS) ## run everything that must pass before a change is accepted
	@echo 'ci: passed: test $(CHECKS)'

# The list of checks, for .ci/run.
checks:
	@echo $(CHECKS)

clean: ## remove what builds and test runs left behind
	rm -rf bin autobahn/reports
	rm -f barewire barewire.exe *.test *.test.exe *.prof *.out

rename: ## rewrite the module path everywhere: make rename MODULE=host/path
	go run ./tools/rename '$(MODULE)'

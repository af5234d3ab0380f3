# make            the multi-call binary and one name per tool, in bin/
# make run        the main job on an example, as it really runs
# make test       everything is built and tested
# make lint       formatting, vet on both architectures, manual pages
# make bench      side by side with the peers; raw results in bench/results
# make install    PREFIX and DESTDIR as usual

PREFIX  = /usr/local
DESTDIR =
GO      = go

# The entry point that runs before the Go runtime; see internal/boot.
LDFLAGS = -s -w -E=_rt0_catena
TOOLS  := $(filter-out catena,$(notdir $(wildcard cmd/*)))

export CGO_ENABLED = 0

all: bin/catena $(TOOLS:%=bin/%)

bin/catena: FORCE
	@mkdir -p bin
	$(GO) build -trimpath -ldflags='$(LDFLAGS)' -o $@ ./cmd/catena

$(TOOLS:%=bin/%): bin/catena
	@ln -sf catena $@

bin/server: FORCE
	@mkdir -p bin
	$(GO) build -trimpath -o $@ ./examples/http

run: all bin/server
	@sh examples/main-job

test: all
	$(GO) vet ./...
	$(GO) test -count=1 -timeout 25m ./...

lint:
	@sh test/lint

bench: all
	$(GO) run ./bench

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/catena/init
	install -m 755 bin/catena $(DESTDIR)$(PREFIX)/bin/catena
	for t in $(TOOLS); do ln -sf catena $(DESTDIR)$(PREFIX)/bin/$$t || exit 1; done
	install -m 755 init/svscanboot $(DESTDIR)$(PREFIX)/bin
	install -m 755 init/catena.openrc $(DESTDIR)$(PREFIX)/share/catena/init
	install -m 644 init/catena.service init/README.md $(DESTDIR)$(PREFIX)/share/catena/init
	install -m 644 man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8

clean:
	rm -rf bin

FORCE:
.PHONY: all run test lint bench install clean FORCE

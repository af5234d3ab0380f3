# make            the multi-call binary and one name per tool, in bin/
# make run        the main job on an example, as it really runs
# make test       everything is built and tested, as far as this machine can; see .ci/run
# make lint       formatting, vet, every architecture, manual pages
# make bench      side by side with the peers; raw results in bench/results
# make install    what make has built; PREFIX and DESTDIR as usual
# make uninstall  takes that away again

PREFIX  = /usr/local
DESTDIR =
GO      = go

# Where the text begins: so that the code that runs before the Go runtime begins behind a multiple
# of 2 MiB, see "Where it lies in memory" in internal/boot/HACKING.md.
TEXT_amd64 = 0x57f000
TEXT_arm64 = 0x591000

# The entry point that runs before the Go runtime, see internal/boot. With the tag bare, what
# would run under the runtime is left out, see internal/hosted.
# Without inlining the runtime is 45 kB smaller. It does not run.
GCFLAGS = runtime=-l
LDFLAGS = -s -w -E=_rt0_catena $(addprefix -T=,$(TEXT_$(shell $(GO) env GOARCH)))
TAGS    = bare

# Tools with the names of common commands. catena knows them, and no file gets such a name.
UNNAMED = argv0 cd env nice nohup umask
# Programs of their own, which start in the Go runtime: those without a function bare.
HOSTED := $(patsubst cmd/%/main.go,%,$(shell grep -L '^func bare' cmd/*/main.go 2>/dev/null))
TOOLS  := $(filter-out catena $(UNNAMED) $(HOSTED),$(notdir $(wildcard cmd/*)))

export CGO_ENABLED = 0

all: bin/catena $(TOOLS:%=bin/%) $(HOSTED:%=bin/%)

bin/catena: FORCE
	@mkdir -p bin
	$(GO) build -buildvcs=false -trimpath -tags=$(TAGS) -gcflags='$(GCFLAGS)' -ldflags='$(LDFLAGS)' -o $@ ./cmd/catena

$(TOOLS:%=bin/%): bin/catena
	@ln -sf catena $@

$(HOSTED:%=bin/%): FORCE
	@mkdir -p bin
	$(GO) build -buildvcs=false -trimpath -ldflags='-s -w' -o $@ ./cmd/$(@F)

bin/server: FORCE
	@mkdir -p bin
	$(GO) build -buildvcs=false -trimpath -o $@ ./examples/http

run: all bin/server
	@sh examples/main-job

# Without a package on its command line, go test shows what the tests print: what was
# skipped, and why.
test: all
	$(GO) vet ./...
	$(GO) test -count=1 $(filter-out catena/test,$(shell $(GO) list ./...))
	@cd test && $(GO) test -count=1 -timeout 40m

lint:
	@sh test/lint

bench: all
	$(GO) run ./bench

# What make install puts below PREFIX.
INSTALLED := $(addprefix bin/,catena $(TOOLS) $(HOSTED) svscanboot) \
	$(addprefix share/man/man8/,$(notdir $(wildcard man/*.8))) \
	$(addprefix share/catena/init/,catena.openrc catena.service README.md)
DEST = $(DESTDIR)$(PREFIX)

# It needs no Go: whoever may install may have another PATH.
install:
	@[ -x bin/catena ] || { echo 'make: bin/catena is not built: run make first' >&2; exit 1; }
	@for f in $(INSTALLED); do \
		f='$(DEST)'/$$f; \
		[ -z '$(DESTDIR)' ] && [ -e "$$f" ] || continue; \
		owner=$$(dpkg -S "$$f" 2>/dev/null || rpm -qf --qf '%{NAME}:' "$$f" 2>/dev/null) || continue; \
		echo "make: warning: $$f of the package $${owner%%:*} is overwritten" >&2; \
	done
	install -d '$(DEST)/bin' '$(DEST)/share/man/man8' '$(DEST)/share/catena/init'
	install -m 755 bin/catena '$(DEST)/bin/catena'
	for t in $(TOOLS); do ln -sf catena '$(DEST)/bin'/$$t || exit 1; done
	for t in $(HOSTED); do install -m 755 bin/$$t '$(DEST)/bin' || exit 1; done
	install -m 755 init/svscanboot '$(DEST)/bin'
	install -m 755 init/catena.openrc '$(DEST)/share/catena/init'
	install -m 644 init/catena.service init/README.md '$(DEST)/share/catena/init'
	install -m 644 man/*.8 '$(DEST)/share/man/man8'

# What is another program's or page by now is left alone. The slash: cd '' would stay here,
# where there are files of the same names; with CDPATH a relative folder may be another one.
uninstall:
	@unset CDPATH; cd '$(DEST)/' && { for f in $(INSTALLED); do \
		case $$f in \
		bin/catena | share/catena/*) ours=yes ;; \
		$(patsubst %,bin/% |,$(HOSTED)) bin/svscanboot | share/man/*) ours=$$(grep -l catena "$$f" 2>/dev/null) ;; \
		*) ours=$$(readlink "$$f" | grep -x catena) ;; \
		esac; \
		if [ -n "$$ours" ]; then rm -f "$$f" || exit 1; \
		elif [ -e "$$f" ]; then echo "make: warning: "'$(DEST)'"/$$f is not catena's and stays" >&2; fi; \
	done; rmdir share/catena/init share/catena 2>/dev/null || :; }

clean:
	rm -rf bin

FORCE:
.PHONY: all run test lint bench install uninstall clean FORCE

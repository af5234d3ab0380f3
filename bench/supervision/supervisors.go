//go:build linux && (amd64 || arm64)

package supervision

// Measured: the programs in this file, with the options in this file.
//
// Not measured: what each of them can be tuned to.

import (
	"fmt"
	"strings"
	"time"

	"catena/bench/stage"
)

// A supervisor is a maker's set of programs.
type supervisor struct {
	maker  string
	path   string        // PATH
	scan   []string      // keeps a directory of services running; its name follows
	keeper string        // file of the program that there is one of per service, if any
	ask    []string      // makes it look at the directory, if it has to be asked
	looks  time.Duration // how often it looks at the directory by itself
	term   []string      // sends a service TERM; the service's directory follows
	only   []string      // the experiments that it is in, if not all
	files  []file        // in each service directory, besides run
	peer   bool
}

// A file is an option of a service.
type file struct{ name, text string }

const (
	oneProcess = "catena, one process"
	noSessions = "catena, one process without sessions"
	withPolicy = "catena with a restart policy"
	runit      = "runit"
	bareSleeps = "sleeps without supervisors"
	plainS6    = "s6 without -c"
)

// supervisors are all makers, for a number of services.
func (s *bench) supervisors(count int) []supervisor {
	ours := supervisor{path: s.Bin + ":" + stage.SystemPath, term: strings.Fields(s.Bin + "/svc -t")}
	separate, one := ours, ours
	separate.maker, separate.scan, separate.keeper = stage.Catena, strings.Fields(s.Bin+"/svscan"), s.Bin+"/supervise"
	one.maker, one.scan = oneProcess, strings.Fields(s.Bin+"/svscan -1")
	// To begin a session, the kernel makes a group for its scheduler (autogroup). This maker
	// shows what that costs.
	bare := one
	bare.maker, bare.files = noSessions, []file{{"no-setsid", ""}}
	bare.only = []string{startExperiment, scriptExperiment, memoryExperiment}
	policy := separate
	policy.maker, policy.only = withPolicy, []string{restartExperiment}
	policy.files = []file{{"restart", "on-failure"}, {"min-uptime", "100"}, {"max-failed-starts", "5"}, {"max-restart-delay", "1000"}}

	djb := theirs(stage.Daemontools, "svscan", "supervise", "svc -t")
	pape := theirs(runit, "runsvdir", "runsv", "sv term")
	djb.looks, pape.looks = 5*time.Second, 5*time.Second
	plain := theirs(plainS6, "s6-svscan", "s6-supervise", "s6-svc -t")
	plain.ask = stage.CommandLine("s6-svscanctl -an")
	plain.only = []string{limitExperiment}
	bercot := plain
	bercot.maker, bercot.only = stage.S6, nil
	bercot.scan = append(bercot.scan, "-c", fmt.Sprint(count))

	return []supervisor{separate, one, bare, policy, djb, pape, bercot, plain,
		{maker: bareSleeps, path: stage.SystemPath,
			only: []string{startExperiment, scriptExperiment, memoryExperiment}}}
}

// theirs are a peer's programs, from the system's folders whatever PATH says.
func theirs(maker, scan, keeper, term string) supervisor {
	return supervisor{maker: maker, path: stage.SystemPath, scan: stage.CommandLine(scan), keeper: stage.CommandLine(keeper)[0],
		term: stage.CommandLine(term), peer: true}
}

// supervisor is the set of programs of a maker.
func (s *bench) supervisor(maker string, count int) (supervisor, error) {
	for _, by := range s.supervisors(count) {
		if by.maker == maker {
			return by, nil
		}
	}
	return supervisor{}, fmt.Errorf("there is no maker %s", maker)
}

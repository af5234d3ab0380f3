//go:build linux && (amd64 || arm64)

package main

// What is measured of supervision, and how it is shown.

import (
	"fmt"
	"strings"
)

// The figures.
const (
	privateDirty    = "private dirty memory of an idle supervisor"
	memoryEach      = "memory per service, beyond the sleep"
	threads         = "threads of a supervisor"
	wakeUps         = "wake-ups in 60 idle seconds, 1,000 services"
	startStatic     = "start of 1,000 services, static run"
	startScript     = "start of 1,000 services, run by sh"
	arrivedByRename = "new directory to running, renamed"
	arrivedByLink   = "new directory to running, linked"
	servicesUp      = "services up of 10,000 in a directory"
	startMany       = "start of those services"
	restarted       = "killed to running"
	signalled       = "svc -t right after a start"
	programsEach    = "programs started for a service"
)

// A figure is how its samples are shown.
type figure struct {
	name   string
	unit   string
	digits int
	about  string
}

var shown = []figure{
	{privateDirty, "kB", 0, "Private_Dirty of /proc/PID/smaps_rollup, with 1,000 services; that of " + oneProcess + " is for all of them."},
	{memoryEach, "MiB", 4, "With 1,000 services: by how much " + strings.Join(memoryFields, ", ") +
		" of /proc/meminfo grow in all, less what the same 1,000 sleeps cost without supervisors, the median over the rounds."},
	{threads, "", 0, "The most that any process of the tree has."},
	{wakeUps, "", 0, "Context switches of svscan and all supervisors, in all."},
	{startStatic, "ms", 1, "From the spawn of svscan to the last service's first instructions; without supervisors it is what the programs themselves take."},
	{startScript, "ms", 1, "The same with a run script; its sh is a dynamically linked program too, below all makers."},
	{arrivedByRename, "ms", 2, "To the new service's first instructions; daemontools and runit look every 5 seconds, s6 is asked to."},
	{arrivedByLink, "ms", 2, "The same with a symbolic link to the directory."},
	{servicesUp, "", 0, "When there are no more to come."},
	{startMany, "ms", 0, "From the spawn of svscan to the last of those that are up."},
	{restarted, "ms", 3, "From KILL, after more than a second of life, to the new process's first instructions."},
	{signalled, "ms", 3, "From the spawn of svc, or its like, to the service's having the signal."},
}

func describe(name string) figure {
	for _, f := range shown {
		if f.name == name {
			return f
		}
	}
	return figure{name: name}
}

// show is a value with its unit.
func (f figure) show(value float64) string {
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", f.digits, value, f.unit))
}

func (f figure) deciles(s series) string {
	all := s.all()
	return fmt.Sprintf("%.*f–%.*f", f.digits, quantile(all, 0.1), f.digits, quantile(all, 0.9))
}

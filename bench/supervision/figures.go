//go:build linux && (amd64 || arm64)

package supervision

// What is measured of supervision, and how it is shown.

import (
	"strings"

	"catena/bench/figures"
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

var shown = []figures.Figure{
	{Name: privateDirty, Unit: "kB", About: "Private_Dirty of /proc/PID/smaps_rollup, with 1,000 services; that of " + oneProcess + " is for all of them."},
	{Name: memoryEach, Unit: "MiB", Digits: 4, About: "With 1,000 services: by how much " + strings.Join(memoryFields, ", ") +
		" of /proc/meminfo grow in all, less what the same 1,000 sleeps cost without supervisors, the median over the rounds."},
	{Name: threads, About: "The most that any process of the tree has."},
	{Name: wakeUps, About: "Context switches of svscan and all supervisors, in all."},
	{Name: startStatic, Unit: "ms", Digits: 1, About: "From the spawn of svscan to the last service's first instructions; without supervisors it is what the programs themselves take."},
	{Name: startScript, Unit: "ms", Digits: 1, About: "The same with a run script; its sh is a dynamically linked program too, below all makers."},
	{Name: arrivedByRename, Unit: "ms", Digits: 2, About: "To the new service's first instructions; daemontools and runit look every 5 seconds, s6 is asked to."},
	{Name: arrivedByLink, Unit: "ms", Digits: 2, About: "The same with a symbolic link to the directory; catena acts on a link once its name has been quiet for 50 ms."},
	{Name: servicesUp, About: "When there are no more to come."},
	{Name: startMany, Unit: "ms", About: "From the spawn of svscan to the last of those that are up."},
	{Name: restarted, Unit: "ms", Digits: 3, About: "From KILL, after more than a second of life, to the new process's first instructions."},
	{Name: signalled, Unit: "ms", Digits: 3, About: "From the spawn of svc, or its like, to the service's having the signal."},
}

// describe is how a figure is shown.
func describe(name string) figures.Figure {
	for _, f := range shown {
		if f.Name == name {
			return f
		}
	}
	return figures.Figure{Name: name}
}

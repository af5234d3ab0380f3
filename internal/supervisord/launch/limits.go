package launch

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/journal"
)

// The limits on open files and on processes, which are raised to minfds and minprocs.

// raiseLimits notes the link that raises the limits, if one is too low. To raise them here would
// not do: Go has raised the limit on open files for itself, and puts it back at an exec.
func (l *launcher) raiseLimits() error {
	s := l.config.Server
	for _, limit := range []struct {
		resource           int
		name, called       string
		least              int64
		what, key, purpose string
	}{
		{unix.RLIMIT_NOFILE, "nofile", "RLIMIT_NOFILE", s.MinFDs, "file descriptors", "minfds", "process"},
		{unix.RLIMIT_NPROC, "nproc", "RLIMIT_NPROC", s.MinProcs, "processes", "minprocs", "program"},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(limit.resource, &now); err != nil {
			return err
		}
		least := uint64(max(limit.least, 0))
		if limit.resource == unix.RLIMIT_NOFILE {
			now.Cur = openFiles(now)
		}
		if now.Cur >= least { // no limit is more than any number
			continue
		}
		value := fmt.Sprintf("%s=%d:", limit.name, least)
		if now.Max < least {
			if unix.Geteuid() != 0 {
				return fmt.Errorf("The minimum number of %s required to run this %s is %d as per the %q "+
					"command-line argument or config file setting. The current environment will only allow you to open %d %s. "+
					"Either raise the number of usable %s in your environment or lower the %s setting in the config file to allow the %s to start.",
					limit.what, limit.purpose, least, limit.key, now.Max, limit.what, limit.what, limit.key, limit.purpose)
			}
			value += strconv.FormatUint(least, 10)
		}
		l.limits = append(l.limits, "-R", value)
		l.log.Say(journal.Info, fmt.Sprintf("Increased %s limit to %d", limit.called, least))
	}
	return nil
}

// openFiles is the limit on open files that a child gets, which is the one from before Go has
// raised it.
func openFiles(now unix.Rlimit) uint64 {
	out, err := exec.Command("/bin/sh", "-c", "ulimit -Sn").Output()
	if err != nil {
		return now.Cur
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 64)
	if err != nil { // unlimited
		return now.Cur
	}
	return n
}

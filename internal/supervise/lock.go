package supervise

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The lock of a service directory: taking it, waiting for it, and leaving it to a service that
// could not be recorded.

// takeLock opens the lock file, locks it, and reads what it says into found. If the file cannot
// be used, takeLock makes a new one. If exit is not Continue, takeLock has failed and has said
// so.
func (s *Service) takeLock(p *bare.Speaker, found *service.Finding) (exit bare.Exit) {
	name := s.name.String()
	const most = 4 // replacements of the lock file, other supervisors' included
	for range most {
		fd, unfit, err := service.OpenLock(s.files.dir)
		replaced := false // by another supervisor, since OpenLock
		if err == 0 && unfit == 0 {
			s.files.lock = fd
			if err = s.waitForLock(p); err == 0 {
				err = service.Find(s.files.dir, s.files.lock, process.boot, found)
				unfit = found.Unfit
			}
			if err == 0 && unfit == 0 {
				return bare.Continue
			}
			if replaced = err == 0 && found.Links == 0; err == 0 && !replaced {
				if exit := s.refuseLock(p, found); exit != bare.Continue {
					return exit
				}
			}
			bare.Close(s.files.lock)
			s.files.lock = 0
		}
		if err == 0 && !replaced {
			if err = service.ReplaceLock(s.files.dir); err == 0 {
				p.WarnErrno(unfit, "unable to use ", name, "/", service.Lock, ", making a new one")
			}
		}
		if err != 0 {
			return p.FatalErrno(err, "unable to acquire ", name, "/", service.Lock)
		}
	}
	return p.FatalErrno(unix.EWOULDBLOCK, "unable to acquire ", name, "/", service.Lock)
}

// refuseLock fails if a lock file that cannot be used names a process that runs. That may
// be the service: somebody may have changed the owner of the file, or linked it.
func (s *Service) refuseLock(p *bare.Speaker, found *service.Finding) bare.Exit {
	pid := service.Living(s.files.lock, process.boot)
	if pid == 0 {
		return bare.Continue
	}
	var b bare.Buffer
	b.Append(" names process ")
	b.AppendNumber(uint64(pid))
	b.Append(", which runs, and ")
	switch found.Unfit {
	case bare.NotOwn:
		b.Append("belongs to uid ")
		b.AppendNumber(uint64(found.Owner))
		b.Append(": give it back by chown, or end the process")
	default:
		b.Append("has ")
		b.AppendNumber(uint64(found.Links))
		b.Append(" names: remove the others, or end the process")
	}
	return p.Fatal(s.name.String(), "/", service.Lock, b.String())
}

// waitForLock locks the lock file. It waits for a holder that is no supervisor: a child whose
// supervisor was killed just now holds the lock until it has written its record, and a svscan
// for an instant as it looks who has the lock. A service that could not be recorded holds it
// until it ends. If the supervisor on record lives, waitForLock gives up soon, and so it
// does in svscan -1, where other services wait.
func (s *Service) waitForLock(p *bare.Speaker) bare.Errno {
	const few, most, pause = 10, 200, 10e6
	for try := 1; ; try++ {
		err := bare.Flock(s.files.lock, unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK || try > few && (process.many || isOnRecord(s.files.lock)) {
			return err
		}
		if try <= most {
			bare.Sleep(pause)
			continue
		}
		if try == most+1 {
			if owner := bare.LockOwner(s.files.lock); isSupervised(s.files.dir) || owner != 0 && bare.Kill(owner, 0) == 0 {
				return err // a supervisor: it has ok open, or lives and has taken the lock itself
			}
			p.Warn("waiting for the process that has ", s.name.String(), "/", service.Lock)
		}
		const aWhile = 100
		if bare.WaitFor(loop.signals, aWhile) {
			var list [4]bare.Arrived
			for i := range Signals(&list) {
				if signal := list[i].Signal; signal == unix.SIGTERM || signal == unix.SIGINT {
					return err
				}
			}
		}
	}
}

// isOnRecord reports whether the supervisor on record lives.
func isOnRecord(lock int) bool {
	record, found := service.ReadRecord(lock, service.OfSupervise, process.boot)
	return found == service.ThisOne && record.Runs()
}

// keepLock lets a child that could not be recorded keep the lock across the exec. So no
// supervisor can start the service again while the child, or what it starts, runs. The
// descriptor gets a number that scripts do not use.
func (c *child) keepLock() bare.Errno {
	lock := c.s.files.lock
	if c.shared && process.many {
		lock = process.keptLock
	} else if c.shared {
		if err := bare.CloseFrom(process.private); err != 0 {
			return err
		}
	}
	low := 100
	fd, err := bare.DupAbove(lock, low)
	if err == unix.EINVAL || err == unix.EMFILE { // beyond the limit on open files
		low = 10
		fd, err = bare.DupAbove(lock, low)
	}
	if err == 0 && c.ready >= 0 && fd == c.fd { // c.fd becomes the readiness FIFO
		_, err = bare.DupAbove(lock, fd+1)
	}
	return err
}

package svscan

import (
	"catena/internal/bare"
	"catena/internal/supervise"
)

// What svscan does for each entry in a turn of its loop.

// tend does for each entry what is due: it starts supervisors, stops them when svscan stops,
// and forgets entries that have gone. It returns when it has to be called next, since boot in
// nanoseconds, and how many supervisors run or hold up the stop. Once the time of a turn is
// over, it leaves the rest to the next turn, which goes on where this one ends. That turn
// starts services first that have come late, of which there are few.
func tend(p *bare.Process, now int64) (next int64, left int) {
	next = bare.Never
	scan.added = false
	n := table.services.Len()
	beginTurn(p, now)
	from, over := scan.from, false
	scan.from = 0
	if from != 0 {
		startLate(p, now)
	}
	for k := range n {
		turn := (from + k) % n
		i := placeInTurn(turn)
		e := table.services.At(i)
		if !e.used {
			continue
		}
		e.forgetDone()
		if halt.at == 0 {
			if now >= e.look && !over {
				look(p, i, now)
				e = table.services.At(i)
			}
			next = min(next, e.look)
		}
		switch {
		case over: // the next turn is for this entry
			next = now
		case halt.at != 0:
			now := bare.SinceBoot() // the entries before may have taken long
			force(p, e, now)
			next = min(next, stop(p, i, now))
			if e.order.holdsUp && !e.waitsFor(main) {
				next = now
			}
		case e.there && now < e.notBefore:
			next = min(next, e.notBefore)
		case e.there:
			next = min(next, startAll(p, i, now))
			renewAfterDeath(p, i, now)
		case !e.isRunning() && e.look == bare.Never:
			remove(i)
			continue
		}
		if !over && (halt.at != 0 || e.hasStarted(now)) {
			if over = bare.SinceBoot() > now+supervise.Turn; over {
				scan.from = turn + 1
			}
		}
		for which := range e.of {
			if s := &e.of[which]; s.running() || halt.at != 0 && e.waitsFor(which) {
				left++
			}
		}
	}
	if scan.added || order.changed && halt.at == 0 { // perhaps at a place that this loop has passed
		next = now
	}
	return next, left
}

// hasStarted reports whether a supervisor of the entry was started at a time.
func (e *entry) hasStarted(at int64) bool {
	for which := range e.of {
		if e.of[which].started == at {
			return true
		}
	}
	return false
}

// startLate starts services that have come since svscan began, for as long as a turn may take.
func startLate(p *bare.Process, now int64) {
	for k := range table.services.Len() {
		i := placeInTurn(k)
		e := table.services.At(i)
		if !e.used || e.came == 0 || e.of[main].started != 0 || halt.at != 0 {
			continue
		}
		if now >= e.look {
			look(p, i, now)
			e = table.services.At(i)
		}
		if e.there && now >= e.notBefore {
			startAll(p, i, now)
		}
		if bare.SinceBoot() > now+supervise.Turn {
			return
		}
	}
}

// forgetDone forgets services in svscan's own table that were told to exit, and have.
func (e *entry) forgetDone() {
	for which := range e.of {
		if s := &e.of[which]; s.pid == inside && supervise.Done(int(s.place)) {
			supervise.Forget(int(s.place))
			s.pid, s.starts = 0, 0
		}
	}
}

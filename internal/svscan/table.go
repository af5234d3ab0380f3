package svscan

import (
	"catena/internal/bare"
	"catena/internal/service"
)

// The table of entries, and the indexes that find an entry by its name or by its watch.

// An entry is a name of the directory, mostly that of a service, with the supervisors of the
// service and of its logs.
type entry struct {
	used      bool          // false: this place of the table is free
	there     bool          // there is a directory of this name
	other     bool          // another directory has the name by now, while a supervisor runs in this one
	link      bool          // the name may be a symbolic link
	seen      bool          // readNames has met the name
	known     bool          // it is a service, and which logs it has is known
	double    bool          // its service runs under another name of the directory, whose entry has the pipes open
	size      uint8         // of the name within path
	said      uint32        // the last message about what is wrong with it: see isNews
	id        bare.Identity // of the directory
	look      int64         // when the name is looked at, since boot in ns
	since     int64         // the first of the changes that put look off, likewise; 0 if there are none
	came      int64         // when the name came, likewise; 0 if it was there before svscan
	notBefore int64         // nothing is started before this time, after a failure; likewise
	path      bare.Buffer   // the paths of its logs; the next entry in this place uses the memory again
	of        [all]supervisor
	pipes     [all - log]pipe
	order     ordering
}

// The supervisors of an entry: that of the service, and one for each of service.Logs.
const (
	main = iota
	log
	errlog
	all
)

// A supervisor is a process that svscan keeps running, or a service of svscan's own table.
type supervisor struct {
	pid      int32  // its pid, or unknown, or inside; 0 if it does not run
	process  int32  // the pidfd of a supervisor that was found running; -1 for others
	place    int32  // if it is inside: its place in the table of package supervise
	watch    int32  // the number of the watch of its directory, or deaf; 0 if there is none
	starts   uint32 // if it is inside: starts of its service when svscan last compared the pipe
	noise    uint8  // events of the watch that did not matter
	checked  bool   // mayStart has found a run, for the next start
	lacksRun bool   // there is no run: svscan waits for one
	said     bool   // svscan has said that there is no run
	started  int64  // when it was started last, since boot in ns
	passing  int64  // first sight of a lock holder without a live record, likewise; or 0
	stop     stopping
}

// What stands in place of a pid.
const (
	unknown = -1 // it has the lock, and svscan cannot watch it
	inside  = -2 // it is svscan itself
)

func (s *supervisor) running() bool { return s.pid != 0 }

func isUsed(e *entry) bool { return e.used }

func (e *entry) name() string { return e.path.String()[:e.size] }

// dir returns the path of the directory of the service, or of one of its logs.
func (e *entry) dir(which int) string {
	if which == main {
		return e.name()
	}
	at := 0
	for before := log; before < which; before++ {
		at += e.lengthOf(before)
	}
	return e.path.String()[at : at+e.lengthOf(which)]
}

// lengthOf returns the length of the path of a log.
func (e *entry) lengthOf(log int) int { return int(e.size) + len("/") + len(service.Logs[log].Dir) }

// pipe returns the pipe to a log.
func (e *entry) pipe(which int) *pipe { return &e.pipes[which-1] }

// waitsForLogs reports whether something can come into the directory of the service that svscan
// is to hear of: a log, or all of another directory in the place of the one that a link leads to.
func (e *entry) waitsForLogs() bool {
	for i := range e.pipes {
		if !e.pipes[i].logged {
			return true
		}
	}
	return e.link
}

// isRunning reports whether any supervisor of the entry runs.
func (e *entry) isRunning() bool {
	for which := range e.of {
		if e.of[which].running() {
			return true
		}
	}
	return false
}

// ends returns which ends of pipes the supervisor of the service, or of a log, gets.
func (e *entry) ends(which int) service.Ends {
	if which != main {
		return service.PipeOf(which)
	}
	ends := service.NoPipe
	for which := log; which < all; which++ {
		if e.pipe(which).logged {
			ends |= service.PipeTo(which)
		}
	}
	return ends
}

// table has the entries. Each entry in use is in names; each of its supervisors is in watched,
// and each watch of its order in ordered, exactly if the number of the watch is above 0. A place
// never changes, but what At returns is good only until the next add.
var table struct {
	services bare.Table[entry] // add uses free places again
	names    index             // of places, by the names of the entries
	watched  index             // of what key returns, by the numbers of watches
	ordered  index             // of what key returns for ofFolder or ofNeeds, likewise
}

// key is a supervisor of an entry as a number: the place of the entry, and which of its
// supervisors that is.
func key(place, which int) uint32 { return uint32(place)<<keyShift | uint32(which) }

// unkey takes the number apart.
func unkey(key uint32) (place, which int) {
	return int(key >> keyShift), int(key & (1<<keyShift - 1))
}

const keyShift = 2 // all is at most 4

// supervisorOf returns the supervisor of a key.
func supervisorOf(key uint32) *supervisor {
	place, which := unkey(key)
	return &table.services.At(place).of[which]
}

// An index is a hash table with open addressing. It has at least two slots for each number that
// it holds.
type index struct {
	slots bare.Table[uint32] // a number plus one, or 0
	n     int                // how many numbers it holds
}

func hash(name string) uint32 { return uint32(bare.Hash(bare.HashStart, name)) }

// hashWatch spreads the numbers of watches, which inotify counts up.
func hashWatch(watch int32) uint32 { return uint32(watch) * 2654435769 >> 7 }

// first returns the first slot for a hash. The index must have slots.
func (x *index) first(hash uint32) int { return int(hash) & (x.slots.Len() - 1) }

func (x *index) next(slot int) int { return (slot + 1) & (x.slots.Len() - 1) }

// home returns the slot where a number of the index would be if all others were free.
func (x *index) home(what uint32) int {
	switch x {
	case &table.names:
		return x.first(hash(table.services.At(int(what)).name()))
	case &table.ordered:
		place, which := unkey(what)
		return x.first(hashWatch(table.services.At(place).order.watch[which]))
	}
	return x.first(hashWatch(supervisorOf(what).watch))
}

// insert adds a number to the index. It returns false if there is no memory.
func (x *index) insert(what uint32) bool {
	if old := x.slots.Len(); 2*(x.n+1) > old {
		if !x.slots.Grow(max(64, 2*old)) {
			return false
		}
		x.rebuild(what)
	}
	x.n++
	x.put(what)
	return true
}

func (x *index) put(what uint32) {
	slot := x.home(what)
	for *x.slots.At(slot) != 0 {
		slot = x.next(slot)
	}
	*x.slots.At(slot) = what + 1
}

// rebuild fills the slots anew, after they have grown, with all numbers except but.
func (x *index) rebuild(but uint32) {
	for i := range x.slots.Len() {
		*x.slots.At(i) = 0
	}
	for i := range table.services.Len() {
		e := table.services.At(i)
		if x == &table.names && e.used && uint32(i) != but {
			x.put(uint32(i))
		}
		for which := range e.of {
			what := key(i, which)
			if x == &table.watched && e.of[which].watch > 0 && what != but {
				x.put(what)
			}
		}
		for which := range e.order.watch {
			what := key(i, which)
			if x == &table.ordered && e.order.watch[which] > 0 && what != but {
				x.put(what)
			}
		}
	}
}

// remove takes a number out of the index, and moves those up that would no longer be found.
func (x *index) remove(what uint32) {
	if x.slots.Len() == 0 {
		return
	}
	slot := x.home(what)
	for *x.slots.At(slot) != what+1 {
		if *x.slots.At(slot) == 0 {
			return
		}
		slot = x.next(slot)
	}
	x.n--
	hole := slot
	for slot = x.next(slot); *x.slots.At(slot) != 0; slot = x.next(slot) {
		home, mask := x.home(*x.slots.At(slot)-1), x.slots.Len()-1
		if (slot-home)&mask >= (slot-hole)&mask {
			*x.slots.At(hole) = *x.slots.At(slot)
			hole = slot
		}
	}
	*x.slots.At(hole) = 0
}

// find returns the place of a name, or -1.
func find(name string) int {
	if table.names.n == 0 {
		return -1
	}
	for slot := table.names.first(hash(name)); *table.names.slots.At(slot) != 0; slot = table.names.next(slot) {
		place := int(*table.names.slots.At(slot)) - 1
		if e := table.services.At(place); !e.other && bare.Equal(e.name(), name) {
			return place
		}
	}
	return -1
}

// findOther returns the place of the directory id if it had the name before, or -1.
func findOther(name string, id bare.Identity) int {
	for slot := table.names.first(hash(name)); *table.names.slots.At(slot) != 0; slot = table.names.next(slot) {
		place := int(*table.names.slots.At(slot)) - 1
		if e := table.services.At(place); e.other && e.id == id && bare.Equal(e.name(), name) {
			return place
		}
	}
	return -1
}

// add makes an entry and returns its place, or -1 if there is no memory. It may move the other
// entries.
func add(name string, now int64) int {
	place := bare.FreePlace(&table.services, isUsed)
	if !table.services.Grow(place + 1) {
		return -1
	}
	e := table.services.At(place)
	path, needs := e.path, e.order.needs
	path.Cut(0)
	for which := log; which < all; which++ {
		if !path.Append(name) || !path.Append("/") || !path.Append(service.Logs[which].Dir) {
			return -1
		}
	}
	*e = entry{used: true, size: uint8(len(name)), path: path, look: bare.Never, came: now, order: ordering{needs: needs, priority: usual}}
	e.begin()
	if !table.names.insert(uint32(place)) {
		*e = entry{path: path, order: e.order}
		return -1
	}
	return place
}

// begin notes that no descriptor of a new entry is open.
func (e *entry) begin() {
	for which := range e.of {
		e.of[which].process = -1
	}
	for i := range e.pipes {
		e.pipes[i].fd = -1
	}
}

// renew makes an entry one that has not been looked at, of the same name.
func (e *entry) renew(place int) {
	e.closePipes()
	unwatchAll(place)
	order := e.renewed(place)
	*e = entry{used: true, link: e.link, seen: e.seen, came: e.came, size: e.size, path: e.path, look: bare.Never, order: order}
	e.begin()
}

// remove forgets an entry.
func remove(place int) {
	e := table.services.At(place)
	table.names.remove(uint32(place))
	e.renew(place)
	*e = entry{path: e.path, order: e.order}
	table.services.Free(place)
}

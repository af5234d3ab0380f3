package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// The order of services: what svscan reads of it, and in which order tend goes through the
// entries. hold.go has what a service waits for.

// usual is the priority of a service that has no file of that name, as in Supervisor.
const usual = 999

// ordering is what an entry has to do with the order of starts and stops.
type ordering struct {
	needs    bare.Buffer // the names that needs/ has, each with a slash behind it
	priority int32
	noted    bool // needs and priority have been read for the next start
	held     bool // its supervisor is held back, until what it needs is ready
	circular bool // it needs itself through others, none of which has a supervisor
	awaited  bool // svscan stops, and a service that needs it is not over
	holdsUp  bool // it is such a service: when it is over, others are due

	said   uint32   // what was said last of what it waits for, as a hash; 0 if nothing
	circle uint32   // what was said last of a circle that it closes, likewise
	met    int64    // the turn in which svscan got to know a service that has come late
	since  int64    // when held was set, since boot in ns
	watch  [2]int32 // the numbers of the watches ofFolder and ofNeeds; 0 if there are none

	// Its standing for those that need it. It counts while fresh is true and until has not come.
	is    service.Standing
	fresh bool
	until int64 // since boot in ns
	heard int64 // when inotify has told of a change that nobody has looked at, likewise; or 0

	// For findCircles.
	mark  uint32 // in which search it was met
	above int32  // the place from which the search has come
	at    int32  // where in needs the search goes on
}

// order is what svscan knows of the order as a whole.
var order struct {
	needy   int                // entries that need something
	ranked  int                // entries whose priority is not the usual one
	sorted  bare.Table[uint32] // all places, by priority
	unsure  bool               // sorted is out of date
	ordered bool               // this turn goes by sorted
	changed bool               // a service needs something else than when findCircles looked, or is newly held back
	halted  bool               // findCircles has looked since svscan was told to stop
	search  uint32             // the number of the last search of findCircles
}

// noteOrder reads the priority and the needs of a service that is about to be started. It returns
// false if they cannot be told now, and has said why.
func noteOrder(p *bare.Process, place int, now int64) bool {
	e := table.services.At(place)
	e.order.setPriority(readPriority(p, e))
	scan.added = scan.added || order.needy > 0 // tend may have passed those that need it
	return readNeeds(p, place, now)
}

// readPriority reads the file priority of a service. Most services have none: svscan learns that
// without a descriptor, of which there may be none left.
func readPriority(p *bare.Process, e *entry) int32 {
	if bare.Exists(bare.Cwd, bare.Join(e.name(), service.Priority)) == unix.ENOENT {
		return usual
	}
	value, err := service.Option(bare.Cwd, bare.Join(e.name(), service.Priority))
	if err != 0 {
		p.WarnErrno(err, "unable to read ", e.name(), "/", service.Priority)
		return usual
	}
	digits, sign := value, int64(1)
	if value != "" && value[0] == '-' {
		digits, sign = value[1:], -1
	}
	const most = 1 << 30
	n, _ := bare.Number(digits)
	if !bare.AllDigits(digits) || n > most {
		p.Warn("no number in ", e.name(), "/", service.Priority, ": ", value)
		return usual
	}
	return int32(sign * int64(n))
}

func (o *ordering) setPriority(n int32) {
	if o.priority == n {
		return
	}
	if o.priority != usual {
		order.ranked--
	}
	if n != usual {
		order.ranked++
	}
	o.priority, order.unsure = n, true
}

// readNeeds reads which services a service needs: the names in its directory needs. If they
// cannot be read for now, readNeeds has the start tried again later and returns false.
func readNeeds(p *bare.Process, place int, now int64) bool {
	e := table.services.At(place)
	o := &e.order
	before := bare.Hash(bare.HashStart, o.needs.String())
	err := e.fillNeeds(p)
	switch {
	case err == unix.ENOTDIR, err == unix.ELOOP:
		p.WarnErrno(err, "unable to read ", e.name(), "/", service.Needs)
	case err != 0:
		if e.isNews(ofNeed, err) {
			p.WarnErrno(err, "unable to read ", e.name(), "/", service.Needs)
		}
		e.notBefore = now + again
		return false
	}
	e.fine(ofNeed)
	o.noted = true
	order.changed = order.changed || bare.Hash(bare.HashStart, o.needs.String()) != before
	return true
}

// fillNeeds fills needs with the names in the directory needs. If there is no such directory,
// nothing is needed.
func (e *entry) fillNeeds(p *bare.Process) bare.Errno {
	o := &e.order
	if o.needs.Len() > 0 {
		order.needy--
		o.needs.Cut(0)
	}
	if bare.Exists(bare.Cwd, bare.Join(e.name(), service.Needs)) == unix.ENOENT {
		return 0
	}
	fd, err := bare.Open(bare.Join(e.name(), service.Needs), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT { // it has gone meanwhile
		return 0
	}
	if err != 0 {
		return err
	}
	for files := bare.ReadDirectory(fd); ; {
		name, failed := files.Next()
		if err = failed; err != 0 || name == "" {
			break
		}
		switch {
		case name[0] == '.':
		case bare.Equal(name, e.name()):
			if !o.held { // otherwise this was said
				p.Warn("ignoring ", name, "/", service.Needs, "/", name, ": a service does not need itself")
			}
		case !o.needs.Append(name) || !o.needs.Append("/"):
			err = unix.ENOMEM
		}
		if err != 0 {
			break
		}
	}
	bare.Close(fd)
	if err != 0 {
		o.needs.Cut(0)
	}
	if o.needs.Len() > 0 {
		order.needy++
	}
	return err
}

// sortPlaces brings order.sorted up to date, if tend needs it.
func sortPlaces(p *bare.Process) {
	n := table.services.Len()
	order.ordered = order.ranked > 0
	if !order.ordered || !order.unsure && order.sorted.Len() == n {
		return
	}
	if order.ordered = order.sorted.Grow(n); !order.ordered {
		p.Warn("unable to go by priorities: out of memory")
		return
	}
	order.unsure = false
	for i := range n {
		*order.sorted.At(i) = uint32(i)
	}
	for gap := n / 2; gap > 0; gap /= 2 { // Shell's sort
		for i := gap; i < n; i++ {
			for k := i; k >= gap && comesLater(k-gap, k); k -= gap {
				a, b := order.sorted.At(k-gap), order.sorted.At(k)
				*a, *b = *b, *a
			}
		}
	}
}

// comesLater reports whether of two elements of order.sorted the first is started later.
func comesLater(first, second int) bool {
	a, b := *order.sorted.At(first), *order.sorted.At(second)
	one, other := table.services.At(int(a)).order.priority, table.services.At(int(b)).order.priority
	return one > other || one == other && a > b
}

// placeInTurn returns the place of the entry that is the k-th in the order of starts; or in the
// order of stops, if svscan stops.
func placeInTurn(k int) int {
	switch {
	case !order.ordered:
		return k
	case halt.at != 0:
		return int(*order.sorted.At(order.sorted.Len() - 1 - k))
	}
	return int(*order.sorted.At(k))
}

// renewed is the ordering of an entry that has not been looked at.
func (e *entry) renewed(place int) ordering {
	o := &e.order
	unwatchOrder(place, ofFolder)
	unwatchOrder(place, ofNeeds)
	o.setPriority(usual)
	if o.needs.Len() > 0 {
		order.needy--
	}
	needs := o.needs
	needs.Cut(0)
	return ordering{needs: needs, priority: usual}
}

// beginTurn brings up to date what a turn needs to know of the order.
func beginTurn(p *bare.Process, now int64) {
	sortPlaces(p)
	switch {
	case halt.at == 0 && order.changed:
		findCircles(p)
	case halt.at != 0 && order.needy > 0:
		markAwaited(p, now)
	}
}

package svscan

import (
	"catena/internal/bare"
	"catena/internal/service"
)

// Services that need each other in a circle. None of them can be started before the others, so
// svscan starts none, and names them. When it stops, they do not wait for each other.

// findCircles finds the services that need themselves through others. In a start that is about
// services that are held back, and findCircles names them. In a stop it is about all.
//
// It goes from each service to what that needs, and from there on, as deep as it gets. A service
// has the mark of this search while the way has led through it, and one more when all that it
// needs has been looked at. A circle closes where the way meets itself.
func findCircles(p *bare.Process) {
	order.changed = false
	order.search += 2
	for i := range table.services.Len() {
		table.services.At(i).order.circular = false
	}
	for i := range table.services.Len() {
		if table.services.At(i).isInSearch() && table.services.At(i).order.mark < order.search {
			followNeeds(p, i)
		}
	}
}

// isInSearch reports whether findCircles looks at a service.
func (e *entry) isInSearch() bool {
	return e.used && !e.other && (e.order.held || halt.at != 0 && e.order.needs.Len() > 0)
}

// followNeeds goes from a service to all that it needs.
func followNeeds(p *bare.Process, from int) {
	enter(from, -1)
	for place := from; place >= 0; {
		o := &table.services.At(place).order
		if int(o.at) >= o.needs.Len() {
			o.mark = order.search + 1
			place = int(o.above)
			continue
		}
		name, behind := service.NeedAt(o.needs.String(), int(o.at))
		o.at = int32(behind)
		next := find(name)
		if next < 0 || !table.services.At(next).isInSearch() {
			continue
		}
		switch mark := table.services.At(next).order.mark; {
		case mark == order.search:
			noteCircle(p, place, next)
		case mark < order.search:
			enter(next, place)
			place = next
		}
	}
}

// enter notes that the search has come to a place.
func enter(place, above int) {
	o := &table.services.At(place).order
	o.mark, o.above, o.at = order.search, int32(above), 0
}

// noteCircle notes a circle: the way from first to last, which needs first. It says so unless that
// was the last thing said of it.
func noteCircle(p *bare.Process, last, first int) {
	var room [1024]byte // it is filled from its end
	n := prepend(room[:], len(room), table.services.At(first).name())
	for place := last; ; place = int(table.services.At(place).order.above) {
		e := table.services.At(place)
		e.order.circular = true
		if n > 0 {
			n = prepend(room[:], prepend(room[:], n, " needs "), e.name())
		}
		if place == first {
			break
		}
	}
	text, before := bare.TextOf(room[n:]), ""
	if n == 0 { // it is too long
		text, before = table.services.At(first).name(), "a long circle through "
	}
	said := uint32(bare.Hash(bare.HashStart, text))
	if o := &table.services.At(first).order; halt.at == 0 && o.circle != said {
		o.circle = said
		p.Warn("unable to start a circle: ", before, text)
	}
}

// prepend puts text in front of what stands in room from n on, and returns where that begins. 0
// means that there is too little room.
func prepend(room []byte, n int, text string) int {
	if n <= len(text) {
		return 0
	}
	n -= len(text)
	copy(room[n:], text)
	return n
}

// markAwaited finds out, while svscan stops, which services are not to be told yet: those that
// another one needs which is not over. When half of the time of -t is over, nobody waits any more.
func markAwaited(p *bare.Process, now int64) {
	if !order.halted {
		order.halted = true
		findCircles(p)
	}
	for i := range table.services.Len() {
		o := &table.services.At(i).order
		o.awaited, o.holdsUp = false, false
	}
	if halt.limit != bare.Never && now >= halt.at+halt.limit/2 {
		return
	}
	for i := range table.services.Len() {
		e := table.services.At(i)
		if !e.used || !e.waitsFor(main) {
			continue
		}
		o := &e.order
		for at := 0; at < o.needs.Len(); {
			var need string
			need, at = service.NeedAt(o.needs.String(), at)
			if place := find(need); place >= 0 {
				needed := &table.services.At(place).order
				needed.awaited = needed.awaited || !o.circular || !needed.circular
				o.holdsUp = true
			}
		}
	}
}

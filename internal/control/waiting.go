package control

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/service"
)

// What svstat says of a service without a supervisor: which services of the same scan directory
// it waits for. svscan holds the supervisor back for those, so nobody else could say it.

// standings are the standings of services, in the words of svstat -j.
var standings = [...]string{
	service.NoService:    "no-service",
	service.Unsupervised: "unsupervised",
	service.HeldBack:     "waits",
	service.Circular:     "circular",
	service.NotReady:     "not-ready",
	service.Unstartable:  "cannot-start",
	service.IsDown:       "down",
	service.HasFailed:    "failed",
	service.HasGivenUp:   "gave-up",
}

// A scanned directory is the scan directory of a service, as the words of the command line name
// it: the service itself may be a link that leads elsewhere.
type scanned struct {
	path bare.Buffer // with a slash behind it, or empty
	own  bare.Buffer // the path of the service
	room bare.Buffer // for the path of another one
}

// scanOf is the scan directory of a service that is given by name.
func scanOf(p *bare.Process, name string) (s scanned) {
	svdir, _ := p.Env.Get("SVDIR")
	if svdir != "" && !has(name, '/') && bare.Exists(bare.Cwd, name) == unix.ENOENT {
		s.path.Append(svdir)
		s.path.Append("/")
		s.own.Append(s.of(name))
		return s
	}
	s.own.Append(name)
	end := len(name)
	for end > 1 && name[end-1] == '/' {
		end--
	}
	switch base := bare.Base(name[:end]); base {
	case ".", "..", "/", "":
		s.path.Append(name)
		s.path.Append("/../")
	default:
		s.path.Append(name[:end-len(base)])
	}
	return s
}

// of is the path of a service, good until the next call.
func (s *scanned) of(service string) string {
	s.room.Cut(0)
	s.room.Append(s.path.String())
	s.room.Append(service)
	return s.room.String()
}

// appendNeeds appends to names what the directory needs of a service has, each with a slash
// behind it. A name that is there already is not appended.
func appendNeeds(names *bare.Buffer, dir string) {
	fd, err := bare.Open(bare.Join(dir, service.Needs), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != 0 {
		return
	}
	for files := bare.ReadDirectory(fd); ; {
		name, err := files.Next()
		if err != 0 || name == "" {
			break
		}
		if name[0] != '.' && !isAmong(names, name) {
			names.Append(name)
			names.Append("/")
		}
	}
	bare.Close(fd)
}

func isAmong(names *bare.Buffer, name string) bool {
	for at := 0; at < names.Len(); {
		var other string
		if other, at = service.NeedAt(names.String(), at); bare.Equal(other, name) {
			return true
		}
	}
	return false
}

// standing is the standing of a service of the scan directory.
func (s *scanned) standing(name string) service.Standing {
	is, _ := service.StandingOf(s.of(name), epoch())
	if is != service.Unsupervised {
		return is
	}
	if bare.Exists(bare.Cwd, bare.Join(s.of(name), "run")) != 0 {
		return service.NoService
	}
	var needs bare.Buffer
	appendNeeds(&needs, s.of(name))
	for at := 0; at < needs.Len(); {
		var need string
		need, at = service.NeedAt(needs.String(), at)
		if is, _ := service.StandingOf(s.of(need), epoch()); is != service.IsReady {
			if s.needsItself(name) {
				return service.Circular
			}
			return service.HeldBack
		}
	}
	return service.Unsupervised
}

// needsItself reports whether a service needs itself through others, none of which has a
// supervisor.
func (s *scanned) needsItself(name string) bool {
	var reached bare.Buffer // and what these need is appended
	appendNeeds(&reached, s.of(name))
	for at := 0; at < reached.Len(); {
		var need string
		if need, at = service.NeedAt(reached.String(), at); bare.Equal(need, name) {
			return true
		}
		if is, _ := service.StandingOf(s.of(need), epoch()); is == service.Unsupervised {
			appendNeeds(&reached, s.of(need))
		}
	}
	return false
}

// describeWaits appends for whom a service waits. The working directory is the one in which the
// name of the service counts.
func describeWaits(p *bare.Process, b *bare.Buffer, name string, asJSON bool) {
	s := scanOf(p, name)
	own, _, _ := bare.Identify(s.own.String())
	var needs bare.Buffer
	appendNeeds(&needs, s.own.String())
	first := true
	for at := 0; at < needs.Len(); {
		var need string
		need, at = service.NeedAt(needs.String(), at)
		if id, _, err := bare.Identify(s.of(need)); err == 0 && id == own {
			continue // svscan ignores that a service needs itself
		}
		is := s.standing(need)
		switch {
		case is == service.IsReady:
			continue
		case !asJSON:
			b.Append(", waits for ")
			b.Append(need)
			b.Append(is.Words())
			continue
		case first:
			b.Append(`,"waits_for":[{"service":`)
		default:
			b.Append(`,{"service":`)
		}
		first = false
		appendQuoted(b, need)
		b.Append(`,"is":"`)
		b.Append(standings[is])
		b.Append(`"}`)
	}
	if !first {
		b.Append("]")
	}
}

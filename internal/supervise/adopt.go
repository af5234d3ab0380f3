package supervise

import (
	"catena/internal/bare"
	"catena/internal/service"
)

// adopt takes over what a supervisor that was killed has left: what was wanted,
// and the process, if it still runs. A supervisor that ended in good order leaves
// nothing, and neither does another boot. Unfinished means that the process has died
// and nobody has dealt with that. Exit is Continue or a failure, which has been said.
func (s *Service) adopt(p *bare.Process) (unfinished bool, exit bare.Exit) {
	status, ok, _ := service.ReadStatus(s.dir)
	record, found := service.ReadRecord(s.lock, service.OfRun, boot)
	left := found == service.ThisOne
	if found == service.NoRecord && ok {
		record, left = service.FromStatus(status)
	}
	s.since = now()
	s.setApart()
	if !left {
		s.start = s.want == service.WantUp
		service.ForgetDeaths(s.dir)
		// The status of a supervisor that ended in good order must not be taken
		// for that of one that was killed, once there is a record.
		s.announce(p)
		return false, s.record(p, service.Record{})
	}
	s.started = min(service.Here(record.Made), bare.SinceBoot()) // whatever it says
	s.since = record.Since
	s.state, _ = service.ReadState(s.lock)
	if ok && (status.Want == service.WantUp || status.Want == service.WantDown || status.Want == service.WantOnce) {
		s.want = status.Want
	}
	if record.PID != 0 && !record.Finish && s.state.Last != record.PID {
		if found == service.ThisOne {
			s.state.Starts++ // a start that was not published any more
		}
		s.state.Last = record.PID
	}
	if ok && status.PID == 0 && record.PID == 0 {
		s.since = status.Since
	}
	if record.PID != 0 {
		pidfd, err := record.Process()
		if err != 0 {
			return false, p.FatalErrno(err, "unable to tell whether the process of ", s.name.String(), " still runs")
		}
		if pidfd >= 0 {
			s.take(p, pidfd, record)
			s.paused = ok && status.Paused && int(status.PID) == s.pid
			exit = s.record(p, record)
			s.announce(p)
			return false, exit
		}
		unfinished = !record.Finish
	}
	s.start = s.state.Asked || s.want == service.WantUp && !s.state.Exit
	s.state.Kill = 0
	if unfinished {
		return true, bare.Continue // the record stays until that is dealt with
	}
	exit = s.record(p, service.Record{Made: service.Machine(s.started)})
	s.announce(p)
	return false, exit
}

// take makes a process that was found running the service's.
func (s *Service) take(p *bare.Process, pidfd int, r service.Record) {
	s.process = pidfd
	if !r.Finish {
		s.pid, s.since = int(r.PID), r.Since
		s.start, s.state.Asked = false, false
		return
	}
	s.finishing = int(r.PID)
	s.start = s.state.Asked
	if s.state.Kill == 0 {
		s.allowFinish(p)
	}
}

func (s *Service) record(p *bare.Process, r service.Record) bare.Exit {
	if err := service.WriteRecord(s.lock, service.OfRun, r, boot); err != 0 {
		return p.FatalErrno(err, "unable to write ", s.name.String(), "/", service.Lock)
	}
	return bare.Continue
}

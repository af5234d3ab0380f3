package supervise

import (
	"catena/internal/bare"
	"catena/internal/service"
)

// What a supervisor takes over from the last one, and what it writes into the lock file for
// the next one.

// adopt takes over what a killed supervisor has left: what was wanted, and the process, if
// it still runs. It finds nothing if the last supervisor ended in good order, if the machine
// has booted since, or if the directory is a copy of another service's. unfinished means
// that the process has died and that nobody has dealt with its death. If exit is not
// Continue, adopt has failed and has said so.
func (s *Service) adopt(p *bare.Speaker, found *service.Finding) (unfinished bool, exit bare.Exit) {
	status, ok, record := found.Status, found.OK, found.Record
	left := found.What == service.ThisOne || found.What == service.OfStatus
	s.noteKillDescendants()
	if !left {
		if s.start = s.want == service.WantUp; !s.start {
			s.state.Why = service.NeverStarted
		}
		service.ForgetDeaths(s.files.dir)
		// The status comes before the record: beside a record, the old status would
		// pass for what a killed supervisor has left.
		s.announce(p)
		s.record(p, service.Record{})
		return false, bare.Continue
	}
	s.pace.started = min(service.Here(record.Made), bare.SinceBoot()) // not in the future, whatever the record says
	s.since = record.Since
	s.state, _ = service.ReadState(s.files.lock)
	s.pace.due = s.pace.started + second
	if ok && (status.Want == service.WantUp || status.Want == service.WantDown || status.Want == service.WantOnce) {
		s.want = status.Want
	}
	if s.state.Asked && s.want == service.WantDown { // the status comes after the state
		if s.want = service.WantOnce; s.state.AskedUp {
			s.want = service.WantUp
		}
	}
	if record.PID != 0 && !record.Finish && s.state.Last != record.PID {
		if found.What == service.ThisOne {
			s.state.Starts++ // the supervisor was killed before it published this start
		}
		s.state.Last = record.PID
		s.state.Why, s.state.Errno = service.NotKnown, 0
		s.state.Due, s.state.Rests, s.state.Asked = 0, false, false // this start was what svc has asked for
	}
	if s.state.Rests {
		s.want = service.WantDown // likewise
	}
	if s.state.Due != 0 {
		s.pace.due = min(s.state.Due, bare.SinceBoot()+longest*1e6)
	}
	if ok && status.PID == 0 && record.PID == 0 {
		s.since = status.Since
	}
	if record.PID != 0 {
		pidfd, err := record.Process()
		if err != 0 {
			return false, p.FatalErrno(err, "unable to tell whether the process of ", s.name.String(), " still runs")
		}
		if pidfd == service.NoPidfd {
			p.WarnErrno(bare.NoPidfdOpen, "unable to watch the process of ", s.name.String(), ", looking every second")
		}
		if pidfd != service.Gone {
			s.adoptRunning(p, pidfd, record)
			s.paused = ok && status.Paused && s.phase == up && int(status.PID) == s.pid
			s.record(p, record)
			s.announce(p)
			return false, bare.Continue
		}
		unfinished = !record.Finish
	}
	s.start = s.state.Asked || s.want == service.WantUp && !s.state.Exit
	s.state.Kill = 0
	if unfinished {
		service.WriteState(s.files.lock, s.state) // its start: the record of finish would not tell the next one
		return true, bare.Continue                // the record stays until the death is dealt with
	}
	s.record(p, service.Record{Made: service.Machine(s.pace.started), Since: s.since})
	s.announce(p)
	return false, bare.Continue
}

// adoptRunning makes a process that was found running the run or finish of the service.
func (s *Service) adoptRunning(p *bare.Speaker, pidfd int, r service.Record) {
	s.pidfd, s.pid = pidfd, int(r.PID)
	s.holdStreams()
	if !r.Finish {
		s.phase, s.since = up, r.Since
		s.state.Why, s.state.Errno = service.NotKnown, 0
		s.start, s.state.Asked = false, false
		var lost bool
		s.files.ready, lost = service.OpenReady(s.files.dir)
		s.state.Ready = s.state.Ready || lost
		return
	}
	s.phase = finishing
	s.start = s.state.Asked
	if s.state.Kill == 0 {
		s.allowFinish(p)
	}
}

// record writes into the lock file which process there is, and complains if it cannot.
func (s *Service) record(p *bare.Speaker, r service.Record) { s.complain(p, s.put(r)) }

// put is record without a message. If the lock file does not say yet what its records belong
// to, put writes that as well.
func (s *Service) put(r service.Record) (err bare.Errno) {
	if s.failed.origin {
		err = service.Begin(s.files.lock, r, process.self, process.boot)
		s.failed.origin = err != 0
		return err
	}
	return service.WriteRecord(s.files.lock, service.OfRun, r, process.boot)
}

// complain says that the lock file cannot be written: once, until it can be written again.
func (s *Service) complain(p *bare.Speaker, err bare.Errno) {
	if err != 0 && !s.failed.lock {
		p.WarnErrno(err, "unable to write ", s.name.String(), "/", service.Lock)
	}
	s.failed.lock = err != 0
}

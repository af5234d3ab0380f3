package supervise

import (
	"catena/internal/bare"
	"catena/internal/service"
)

// adopt takes over what a supervisor that was killed has left: what was wanted,
// and the process, if it still runs. A supervisor that ended in good order leaves
// nothing, and neither does another boot. Anything but Continue is a failure,
// which has been said.
func (s *Service) adopt(p *bare.Process, boot service.Boot) bare.Exit {
	record, left := service.ReadRecord(s.lock, service.OfRun, boot)
	s.since = now()
	if left {
		s.started = record.Made
		s.state, _ = service.ReadState(s.lock)
		status, ok, _ := service.ReadStatus(s.dir)
		if ok && (status.Want == service.WantUp || status.Want == service.WantDown || status.Want == service.WantOnce) {
			s.want = status.Want
		}
		if ok && status.PID == 0 {
			s.since = status.Since
		}
		if record.PID != 0 {
			pidfd, err := record.Process()
			if err != 0 {
				return p.FatalErrno(err, "unable to tell whether the process of ", s.name.String(), " still runs")
			}
			if pidfd >= 0 {
				s.process = pidfd
				if record.Finish {
					s.finishing = int(record.PID)
					s.allowFinish(p)
					return bare.Continue
				}
				s.pid, s.since = int(record.PID), record.Since
				s.paused = ok && status.Paused && status.PID == record.PID
				return bare.Continue
			}
		}
	}
	if err := service.WriteRecord(s.lock, service.OfRun, service.Record{Made: s.started}, boot); err != 0 {
		return p.FatalErrno(err, "unable to write ", s.name.String(), "/", service.Lock)
	}
	s.start = s.want == service.WantUp
	return bare.Continue
}

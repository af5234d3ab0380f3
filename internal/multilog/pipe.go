package multilog

import "catena/internal/bare"

// inputPipe is how much the input pipe holds, in bytes. The kernel limits the pages that all
// pipes of an account may have together (pipe-user-pages-soft), and the account may have a
// hundred logs. So multilog enlarges the pipe when the pipe is full, and makes it small
// again when there is nothing to do.
type inputPipe struct {
	plain int // size of a new pipe
	size  int // size now; 0 if the input is no pipe, or cannot be enlarged
	small int // size before multilog enlarged the pipe; 0 if it is not enlarged
}

const largePipe = 1 << 20 // what the kernel grants to everybody, if nobody has set it (pipe-max-size)

func (s *inputPipe) measure(p *bare.Process) {
	const pages = 16 // what the kernel gives to a new pipe
	s.plain = pages * p.PageSize
	s.size = bare.PipeSize(0)
	if s.size == largePipe && s.plain < largePipe { // a multilog that was killed has enlarged it
		s.small, input.fat = s.plain, true
	}
}

// held is called when the pipe has held n bytes, and enlarges the pipe if that was three
// quarters of its size. The pipe may be full then, because a page of it counts as used even
// if it is filled by little more than half.
func (s *inputPipe) held(n int) {
	if s.size == 0 || s.size >= largePipe || n < s.size/4*3 {
		return
	}
	if bare.SetPipeSize(0, largePipe) != 0 {
		s.size = 0
		return
	}
	s.small, s.size, input.fat = s.size, largePipe, true
	if input.journal.on {
		bare.SetPipeSize(input.journal.copyIn, readMax)
	}
}

// shrink makes the pipe as small as it was.
func (s *inputPipe) shrink() {
	if s.small == 0 || bare.SetPipeSize(0, s.small) != 0 {
		return
	}
	s.size, s.small = s.small, 0
	if input.journal.on {
		bare.SetPipeSize(input.journal.copyIn, s.plain)
	}
}

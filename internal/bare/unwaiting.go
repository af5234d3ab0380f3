package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A supervisor must not wait for whoever reads its messages. Standard error may be the pipe
// of a readproctitle that is stopped, or a terminal after ^S. Other processes share the
// open file, so this process must not set O_NONBLOCK on it. So a message that finds no room
// is counted and dropped. The next message that finds room comes after a line with that
// count.
var unwaiting struct {
	on      bool
	other   int    // the descriptor for messages if that is not standard error; or 0
	missing bool   // a piece of the current message could not be written
	torn    bool   // the last text that was written does not end a line
	lost    uint32 // messages that could not be written since the last that could
}

// grace is how long a message waits for room, if the one before it found room. So a reader
// that has only not had its turn gets all messages.
const grace = 10 // ms

// MessagesGoTo has messages that do not wait written to another descriptor than standard error.
func MessagesGoTo(fd int) { unwaiting.other = fd }

// messages returns the descriptor that messages which do not wait are written to.
func messages() int {
	if unwaiting.other != 0 {
		return unwaiting.other
	}
	return 2
}

// MessagesDoNotWait makes messages be written only if that is possible at once.
func MessagesDoNotWait() { unwaiting.on = true }

// offer writes a piece of a message, if there is room. Last says that the message ends with
// the piece.
func offer(piece []byte, last bool) {
	s := &unwaiting
	if !s.missing {
		s.missing = s.lost > 0 && !tellLost() || !writeAtOnce(piece)
	}
	if !last {
		return
	}
	if s.missing {
		s.lost++
	}
	s.missing = false
}

// tellLost writes how many messages were lost. False means that there is still no room.
func tellLost() bool {
	s := &unwaiting
	var room [256]byte
	n := 0
	if s.torn {
		n = copy(room[:], "\n")
	}
	n += copy(room[n:128], line.tool.String())
	n += copy(room[n:], ": warning: ")
	n += PutNumber(room[n:], uint64(s.lost))
	n += copy(room[n:], " messages could not be written\n")
	if !writeAtOnce(room[:n]) {
		return false
	}
	s.lost, s.torn = 0, false
	return true
}

// writeAtOnce writes text to standard error. False means that not all of it was taken.
func writeAtOnce(text []byte) bool {
	for tries := 0; ; tries++ {
		n, err := OfferSome(text)
		if err == 0 && n > 0 {
			unwaiting.torn = text[n-1] != '\n'
			text = text[n:]
		}
		if len(text) == 0 {
			return true
		}
		if err != 0 && err != unix.EAGAIN || tries > 0 || unwaiting.lost > 0 {
			return false
		}
		canWrite(messages(), grace)
	}
}

// OfferSome writes as much of a text to standard error as is taken without waiting. If that
// is nothing, the error is EAGAIN. It may wait in one case: standard error is a terminal,
// or a pipe on Linux before 6.4, and cannot be opened again because there is no /proc, or
// because it belongs to another account.
func OfferSome(text []byte) (n int, err Errno) {
	part := unix.Iovec{Base: unsafe.SliceData(text)}
	part.SetLen(len(text))
	const here = ^uintptr(0) // write at the offset of the open file
	r, _, err := rawSyscall6(unix.SYS_PWRITEV2, uintptr(messages()), uintptr(unsafe.Pointer(&part)), 1, here, here, unix.RWF_NOWAIT)
	if err == 0 || err == unix.EPIPE {
		return int(r), err
	}
	is, failed := StatOpen(messages())
	switch is.Mode & unix.S_IFMT {
	case unix.S_IFREG: // a file waits for a disk at most, which is all that EAGAIN says
		n, err := WriteSome(messages(), text)
		if IsRefused(err) {
			r, _, err = rawSyscall6(unix.SYS_PWRITEV2, uintptr(messages()), uintptr(unsafe.Pointer(&part)), 1, here, here, 0)
			n = int(r)
		}
		return n, err
	case unix.S_IFSOCK:
		r, _, err := rawSyscall6(unix.SYS_SENDTO, uintptr(messages()), uintptr(unsafe.Pointer(part.Base)), uintptr(part.Len), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		return int(r), err
	}
	if failed == 0 {
		if err == unix.EAGAIN {
			return 0, err
		}
		// Terminals do not know RWF_NOWAIT, nor do pipes before Linux 6.4. A file that is
		// opened again has flags of its own. It also has an offset of its own, so a regular
		// file would be written over; without statx nobody knows that it is none.
		if again, failed := Reopen(messages(), unix.O_WRONLY|unix.O_NONBLOCK); failed == 0 {
			n, err = WriteSome(again, text)
			Close(again)
			return n, err
		}
	}
	if !canWrite(messages(), 0) {
		return 0, unix.EAGAIN
	}
	return WriteSome(messages(), text)
}

// canWrite waits until an open file has room, at most for so many milliseconds, and reports
// whether it has.
func canWrite(fd int, milliseconds int64) bool {
	poll := unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
	limit := unix.NsecToTimespec(milliseconds * 1e6)
	rawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	return poll.Revents&unix.POLLOUT != 0
}

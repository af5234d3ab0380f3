package multilog

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
)

// Alerts: selected lines on standard error.

// alert prints the first 200 bytes of a line on standard error, and waits until they have
// room there. It never waits in write(2): another process may write to the same pipe, and
// take the room before multilog does. If nobody reads the pipe, TERM ends the waiting.
func alert(line []byte) {
	const most = 200
	var room [most + 4]byte
	n := copy(room[:most], line)
	if len(line) > most {
		n += copy(room[n:], "...")
	}
	room[n] = '\n'
	for text := room[:n+1]; ; {
		n, err := bare.OfferSome(text)
		if err != 0 && err != unix.EAGAIN {
			return // nobody reads standard error any more
		}
		if err == 0 {
			text = text[n:]
		}
		if len(text) == 0 || !waitForRoom(2) {
			return
		}
	}
}

// waitForRoom waits until a descriptor has room to write. False means that TERM has come, and
// patience is over.
func waitForRoom(fd int) bool {
	for {
		until := int64(bare.Never)
		if signals.term {
			if until = signals.patienceEnd; bare.SinceBoot() >= until {
				return false
			}
		}
		ready, signalled, err := bare.WaitForRoom(fd, signals.events, until)
		if signalled {
			readSignals()
		}
		if err != 0 {
			bare.Sleep(10e6) // alert loops, and without a pause it would spin
		}
		if ready || err != 0 {
			return true
		}
	}
}

package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Clock reads a clock: CLOCK_REALTIME for times that people read, CLOCK_BOOTTIME for a
// clock that nobody may set. It is a real system call, because there is no vDSO here.
func Clock(which int) (now unix.Timespec) {
	rawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(which), uintptr(unsafe.Pointer(&now)), 0)
	return now
}

// SinceBoot is the time since the machine booted, in nanoseconds. Time in suspension
// counts.
func SinceBoot() int64 {
	now := Clock(unix.CLOCK_BOOTTIME)
	return int64(now.Sec)*1e9 + int64(now.Nsec)
}

// ClockRuns returns why the time cannot be read, or 0.
func ClockRuns() Errno {
	var now unix.Timespec
	_, _, err := rawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&now)), 0)
	return named(err, noClock)
}

// Sleep sleeps for so many nanoseconds. A signal ends the sleep.
func Sleep(nanoseconds int64) {
	t := unix.NsecToTimespec(nanoseconds)
	_, _, err := rawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
	if isRefusal(err) {
		rawSyscall6(unix.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(&t)), 0, 0, 0)
	}
}

// Yield lets other processes go first that wait for this processor.
func Yield() { rawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

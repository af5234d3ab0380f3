package bare

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Clock reads a clock, CLOCK_REALTIME for what people read and CLOCK_BOOTTIME for
// what nobody may set. It is a real system call: there is no vDSO here.
func Clock(which int) (now unix.Timespec) {
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(which), uintptr(unsafe.Pointer(&now)), 0)
	return now
}

// SinceBoot is the time since the machine booted, suspension included, in
// nanoseconds.
func SinceBoot() int64 {
	now := Clock(unix.CLOCK_BOOTTIME)
	return int64(now.Sec)*1e9 + int64(now.Nsec)
}

// Sleep sleeps for so many nanoseconds, less if a signal comes.
func Sleep(nanoseconds int64) {
	t := unix.NsecToTimespec(nanoseconds)
	unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}

// Yield lets others that wait for this processor go first.
func Yield() { unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }

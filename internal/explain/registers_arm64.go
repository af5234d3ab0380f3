package explain

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What differs between architectures: where a system call has its number, its arguments and its
// result.

const (
	architecture = 0xc00000b7 // AUDIT_ARCH_AARCH64
	sysOpen      = ^uint64(0) // there is openat alone
)

// undoneHere is an older call of the kind that undone has.
var undoneHere = map[uint64]string{unix.SYS_RENAMEAT: "renameat"}

type registers struct{ unix.PtraceRegsArm64 }

const general = 1 // NT_PRSTATUS

func (r *registers) read(pid int) error {
	return unix.PtraceGetRegSetArm64(pid, general, &r.PtraceRegsArm64)
}

func (r *registers) write(pid int) error {
	return unix.PtraceSetRegSetArm64(pid, general, &r.PtraceRegsArm64)
}

func (r *registers) setResult(result int64)          { r.Regs[0] = uint64(result) }
func (r *registers) setArgument(i int, value uint64) { r.Regs[i] = value }

// skipCall keeps the kernel from doing the call at whose entry a process is. The number of the
// call is no register here.
func skipCall(pid int) error {
	const systemCall = 0x404 // NT_ARM_SYSTEM_CALL
	none := int32(-1)
	number := unix.Iovec{Base: (*byte)(unsafe.Pointer(&none)), Len: uint64(unsafe.Sizeof(none))}
	_, _, err := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SETREGSET, uintptr(pid), systemCall,
		uintptr(unsafe.Pointer(&number)), 0, 0)
	if err != 0 {
		return err
	}
	return nil
}

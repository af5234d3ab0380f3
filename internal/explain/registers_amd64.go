package explain

import "golang.org/x/sys/unix"

// What differs between architectures: where a system call has its number, its arguments and its
// result.

const (
	architecture = 0xc000003e // AUDIT_ARCH_X86_64
	sysOpen      = unix.SYS_OPEN
)

// undoneHere are older calls of the kind that undone has.
var undoneHere = map[uint64]string{
	unix.SYS_CHMOD: "chmod", unix.SYS_CHOWN: "chown", unix.SYS_LCHOWN: "lchown", unix.SYS_LINK: "link", unix.SYS_MKDIR: "mkdir",
	unix.SYS_MKNOD: "mknod", unix.SYS_RENAME: "rename", unix.SYS_RENAMEAT: "renameat", unix.SYS_RMDIR: "rmdir",
	unix.SYS_SYMLINK: "symlink", unix.SYS_UNLINK: "unlink",
}

type registers struct{ unix.PtraceRegsAmd64 }

func (r *registers) read(pid int) error  { return unix.PtraceGetRegsAmd64(pid, &r.PtraceRegsAmd64) }
func (r *registers) write(pid int) error { return unix.PtraceSetRegsAmd64(pid, &r.PtraceRegsAmd64) }

func (r *registers) setResult(result int64) { r.Rax = uint64(result) }

func (r *registers) setArgument(i int, value uint64) {
	*[...]*uint64{&r.Rdi, &r.Rsi, &r.Rdx, &r.R10, &r.R8, &r.R9}[i] = value
}

// skipCall keeps the kernel from doing the call at whose entry a process is.
func skipCall(pid int) error {
	var r registers
	if err := r.read(pid); err != nil {
		return err
	}
	r.Orig_rax = ^uint64(0)
	return r.write(pid)
}

//go:build !riscv64 && !loong64

package bare

import "golang.org/x/sys/unix"

// sysRenameat is what Rename falls back to.
const sysRenameat = unix.SYS_RENAMEAT

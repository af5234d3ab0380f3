package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

var (
	report [64 << 10]byte
	used   int
	out    uintptr // the descriptor that the report goes to
	opened bool    // whether it is known yet
)

func print(s string) {
	for i := range len(s) {
		if used == len(report) {
			flush()
		}
		report[used] = s[i]
		used++
	}
}

func flush() {
	if !opened {
		out, opened = destination(), true
	}
	for from := 0; from < used; {
		n, err := call(unix.SYS_WRITE, out, address(unsafe.Pointer(&report[from])), uintptr(used-from), 0)
		if err != 0 {
			exit(failed)
		}
		from += int(n)
	}
	used = 0
}

func destination() uintptr {
	for _, w := range envp {
		if file, ok := after(text(w), "PROBE_OUT="); ok {
			fd, err := open(unsafe.StringData(file), unix.O_WRONLY|unix.O_APPEND)
			if err != 0 {
				exit(failed)
			}
			return fd
		}
	}
	return 1
}

func fact(name string, n uint64) {
	print(name)
	print(": ")
	decimal(n)
	print("\n")
}

func bits(name string, n uint64) {
	print(name)
	print(": 0x")
	digits(n, 16)
	print("\n")
}

func quoted(name, s string) {
	print(name)
	quote(s)
	print("\n")
}

func signalSet(name string, set uint64) {
	print(name)
	print(":")
	for sig := uint64(1); sig <= 64; sig++ {
		if set&(1<<(sig-1)) != 0 {
			print(" ")
			decimal(sig)
		}
	}
	print("\n")
}

func limit(n uint64) {
	if n == unix.RLIM_INFINITY {
		print("unlimited")
		return
	}
	decimal(n)
}

func decimal(n uint64) { digits(n, 10) }

func digits(n, base uint64) {
	var d [64]byte
	i := len(d)
	for more := true; more; more = n != 0 {
		i--
		d[i] = hex[n%base]
		n /= base
	}
	print(unsafe.String(&d[i], len(d)-i))
}

const hex = "0123456789abcdef"

// quote prints a name so that two different names never look the same.
func quote(s string) {
	print(`"`)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			print(`\x`)
			print(hex[c>>4 : c>>4+1])
			print(hex[c&15 : c&15+1])
			continue
		}
		print(s[i : i+1])
	}
	print(`"`)
}

// descriptorLink is /proc/self/fd/N, and a zero byte, until the next call.
func descriptorLink(fd int) string {
	n := copy(link[:], "/proc/self/fd/")
	for tens := 100; tens > 0; tens /= 10 {
		if fd >= tens || tens == 1 {
			link[n] = byte('0' + fd/tens%10)
			n++
		}
	}
	link[n] = 0
	return unsafe.String(&link[0], n+1)
}

// target prints what a symbolic link says. The path ends with a zero byte.
func target(path string) {
	n, err := call(unix.SYS_READLINKAT, cwd, address(unsafe.Pointer(unsafe.StringData(path))),
		address(unsafe.Pointer(&where)), uintptr(len(where)))
	if err != 0 {
		print("no way to tell")
		return
	}
	quote(unsafe.String(&where[0], int(n)))
}

package bare

import "golang.org/x/sys/unix"

// Old files of a file, as Supervisor names them: FILE.1 is the newest.

// Rotate renames FILE as FILE.1, that as FILE.2, and so on; no more than keep old files are left.
// They move up to the first number that is free. So whoever goes on where somebody was killed
// moves none twice. Old files that somebody has removed are no error.
func Rotate(dir int, file string, keep int64) (err Errno) {
	var from, to oldName
	n := int64(1)
	for n < keep && Exists(dir, to.set(file, n)) == 0 {
		n++
	}
	for ; n > 0 && err == 0; n-- {
		if err = Rename(dir, from.set(file, n-1), to.set(file, n)); err == unix.ENOENT || err == unix.ESTALE {
			err = 0
		}
	}
	return err
}

// oldName is room for the name of an old file.
type oldName [unix.PathMax + 24]byte

// set returns the name of the old file with a number, or of the file itself for 0. A name that is
// too long stays so.
//
//go:noinline
func (o *oldName) set(file string, n int64) string {
	if n == 0 || len(file) >= unix.PathMax {
		return file
	}
	size := copy(o[:], file)
	o[size] = '.'
	return TextOf(o[:size+1+PutNumber(o[size+1:], uint64(n))])
}

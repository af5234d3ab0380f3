//go:build 386 || arm || ppc64 || ppc64le

package bare

// BeginWriting does nothing here, where the arguments of the call differ from machine to
// machine. It is only there for speed.
func BeginWriting(fd int, offset, n int64) {}

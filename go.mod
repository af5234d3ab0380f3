module catena

go 1.26.0

toolchain go1.26.8

// The runtime would keep two files of the control group open, and a program that
// is built without the entry flag must find the descriptors that it was given.
godebug containermaxprocs=0

require golang.org/x/sys v0.49.0

require golang.org/x/term v0.47.0

require (
	github.com/rogpeppe/go-internal v1.16.0
	golang.org/x/tools v0.26.0 // indirect
)

module catena

go 1.26.0

toolchain go1.26.8

// The runtime would keep two files of the control group open, and a program that
// is built without the entry flag must find the descriptors that it was given.
godebug containermaxprocs=0

require (
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)

// What follows is for tests.

require (
	github.com/chromedp/cdproto v0.160.1
	github.com/chromedp/chromedp v0.23.1
	github.com/prometheus/common v0.74.0
	github.com/rogpeppe/go-internal v1.16.0
)

require (
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pandatix/go-abnf v0.5.5 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	golang.org/x/tools v0.26.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

// Catena is all the tools in one file: the one that it is called as, or the one
// that its first argument names.
//
// Usage:
//
//	catena tool [arg ...]
package main

import (
	"os"

	"catena/internal/boot"
	"catena/internal/control"
	"catena/internal/execchain"
	"catena/internal/hosted"
	"catena/internal/link"
	"catena/internal/multilog"
	"catena/internal/supervise"
	"catena/internal/svscan"
	"catena/internal/timestamp"
)

// tools is the one list of what is in here.
var tools = [...]*execchain.Tool{
	&link.Envdir,
	&link.Envuidgid,
	&link.Fghack,
	&multilog.Multilog,
	&link.Pgrphack,
	&control.Readproctitle,
	&link.Setlock,
	&link.Setuidgid,
	&link.Setuser,
	&link.Softlimit,
	&supervise.Supervise,
	&control.Svc,
	&control.Svok,
	&svscan.Svscan,
	&control.Svstat,
	&control.Svwait,
	&timestamp.Tai64n,
	&timestamp.Tai64nlocal,
}

// bare runs before the Go runtime; main only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { control.HostArgs = os.Args; hosted.Main(tools[:]) }

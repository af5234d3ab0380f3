// Catena holds all tools in one file. It is the tool that it is called as, or the
// tool that its first argument names.
//
// Usage:
//
//	catena tool [arg ...]
package main

// What every chain runs comes first in memory, and the links lie beside this package: the order
// of the imports is the linker's order, see "Where it lies in memory" in internal/boot/HACKING.md.
import (
	"catena/internal/boot"
	"catena/internal/execchain"

	"catena/internal/control"
	"catena/internal/hosted"
	"catena/internal/logscan"
	"catena/internal/multilog"
	"catena/internal/supervise"
	"catena/internal/svscan"
	"catena/internal/timestamp"

	"catena/internal/link"
)

// tools is the list of all tools in this file.
var tools = [...]*execchain.Tool{
	&link.Argv0,
	&link.Cd,
	&link.Chpst,
	&link.Env,
	&link.Envdir,
	&link.Envfile,
	&link.Envuidgid,
	&link.Fdclose,
	&link.Fdmove,
	&link.Fghack,
	&link.Gosu,
	&logscan.Logscan,
	&multilog.Multilog,
	&link.Nice,
	&link.Nohup,
	&link.Pgrphack,
	&link.Pidfile,
	&control.Readproctitle,
	&link.Redirfd,
	&link.Setlock,
	&link.Setuidgid,
	&link.Setuser,
	&link.Softlimit,
	&link.SuExec,
	&supervise.Supervise,
	&control.Svc,
	&control.Svok,
	&svscan.Svscan,
	&control.Svstat,
	&control.Svwait,
	&timestamp.Tai64n,
	&timestamp.Tai64nlocal,
	&link.Takesocket,
	&link.Tosyslog,
	&link.Umask,
}

// bare runs before the Go runtime. main runs only in a build without the entry flag.
func bare(stack boot.Stack) { execchain.Start(uintptr(stack), tools[:]) }
func main()                 { hosted.Main(tools[:]) }

// Supervisord runs the programs of a supervisord.conf under svscan.
//
// Usage:
//
//	supervisord [-knstx] [-a n] [-c file] [-d dir] [-e level] [-i name] [-j pidfile]
//	            [-l logfile] [-m umask] [-q dir] [-u user] [-y bytes] [-z n]
package main

import (
	"os"

	"catena/internal/supervisord/launch"
)

func main() { os.Exit(launch.Run(os.Args)) }

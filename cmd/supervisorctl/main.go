// Supervisorctl shows and commands the programs of a supervisord: ours, or Supervisor's own.
//
// Usage:
//
//	supervisorctl [-ij] [-c file] [-s url] [-u user] [-p password] [-r file] [command [arg ...]]
package main

import (
	"os"

	"catena/internal/supervisorctl"
)

func main() { os.Exit(supervisorctl.Run(os.Args)) }

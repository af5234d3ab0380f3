package supervisorctl

import (
	"maps"
	"slices"
	"strings"
)

const help = `usage: supervisorctl [-ij] [-c file] [-s url] [-u user] [-p password] [-r file] [command [arg ...]]
  -c file      the configuration file, whose section [supervisorctl] counts
  -i           ask before a shutdown and the like, and for a password
  -j           a JSON object for each line
  -s url       the server: http://host:port or unix:///path
  -u user      for a server that wants to know who it is
  -p password
  -r file      keep what is typed in a file
Without a command it asks for commands. The command help lists them.
`

// What help says of each command. The words and the tabs are Supervisor's, which prints them
// after a mistake, too.
var helpOf = map[string]string{
	"add":      "add <name> [...]\tActivates any updates in config for process/group\n",
	"avail":    "avail\t\t\tDisplay all configured processes\n",
	"clear":    "clear <name>\t\tClear a process' log files.\nclear <name> <name>\tClear multiple process' log files\nclear all\t\tClear all process' log files\n",
	"exit":     "exit\tExit the supervisor shell.\n",
	"fg":       "fg <process>\tConnect to a process in foreground mode\n\t\tCtrl-C to exit\n",
	"maintail": "maintail -f \tContinuous tail of supervisor main log file (Ctrl-C to exit)\nmaintail -100\tlast 100 *bytes* of supervisord main log file\nmaintail\tlast 1600 *bytes* of supervisor main log file\n\n",
	"open":     "open <url>\tConnect to a remote supervisord process.\n\t\t(for UNIX domain socket, use unix:///socket/path)\n",
	"pid":      "pid\t\t\tGet the PID of supervisord.\npid <name>\t\tGet the PID of a single child process by name.\npid all\t\t\tGet the PID of every child process, one per line.\n",
	"quit":     "quit\tExit the supervisor shell.\n",
	"reload":   "reload \t\tRestart the remote supervisord.\n",
	"remove":   "remove <name> [...]\tRemoves process/group from active config\n",
	"reread":   "reread \t\t\tReload the daemon's configuration files without add/remove\n",
	"restart": "restart <name>\t\tRestart a process\nrestart <gname>:*\tRestart all processes in a group\nrestart <name> <name>\tRestart multiple processes or groups\n" +
		"restart all\t\tRestart all processes\nNote: restart does not reread config files. For that, see reread and update.\n",
	"shutdown": "shutdown \tShut the remote supervisord down.\n",
	"signal": "signal <signal name> <name>\t\tSignal a process\nsignal <signal name> <gname>:*\t\tSignal all processes in a group\n" +
		"signal <signal name> <name> <name>\tSignal multiple processes or groups\nsignal <signal name> all\t\tSignal all processes\n",
	"start":  "start <name>\t\tStart a process\nstart <gname>:*\t\tStart all processes in a group\nstart <name> <name>\tStart multiple processes or groups\nstart all\t\tStart all processes\n",
	"status": "status <name>\t\tGet status for a single process\nstatus <gname>:*\tGet status for all processes in a group\nstatus <name> <name>\tGet status for multiple named processes\nstatus\t\t\tGet all process status info\n",
	"stop":   "stop <name>\t\tStop a process\nstop <gname>:*\t\tStop all processes in a group\nstop <name> <name>\tStop multiple processes or groups\nstop all\t\tStop all processes\n",
	"tail": "tail [-f] <name> [stdout|stderr] (default stdout)\nEx:\ntail -f <name>\t\tContinuous tail of named process stdout\n\t\t\tCtrl-C to exit.\n" +
		"tail -100 <name>\tlast 100 *bytes* of process stdout\ntail <name> stderr\tlast 1600 *bytes* of process stderr\n",
	"update":  "update\t\t\tReload config and add/remove as necessary, and will restart affected programs\nupdate all\t\tReload config and add/remove as necessary, and will restart affected programs\nupdate <gname> [...]\tUpdate specific groups\n",
	"version": "version\t\t\tShow the version of the remote supervisord process\n",
}

// actions lists the commands that there is help for.
func actions() []string { return slices.Sorted(maps.Keys(helpOf)) }

// explain prints the help of a command.
func (c *controller) explain(command string) { c.text(helpOf[command]) }

func (c *controller) help(argument string) error {
	text, known := helpOf[argument]
	switch {
	case argument == "help":
		c.text("help\t\tPrint a list of available actions\nhelp <action>\tPrint help for <action>\n")
	case argument == "":
		const heading = "default commands (type help <topic>):"
		c.text("\n" + heading + "\n" + strings.Repeat("=", len(heading)) + "\n" + columns(actions(), 79) + "\n")
	case known:
		c.text(text)
	default:
		c.text("*** No help on " + argument + "\n")
	}
	return nil
}

// columns sets words in columns, in as few lines as the width allows. It reads downwards.
func columns(words []string, most int) string {
	rows := 1
	for ; rows < len(words); rows++ {
		total := -2
		for from := 0; from < len(words); from += rows {
			total += 2 + widest(words[from:min(from+rows, len(words))])
		}
		if total <= most {
			break
		}
	}
	var b strings.Builder
	for row := range rows {
		line := ""
		for from := 0; from+row < len(words); from += rows {
			if from > 0 {
				line += "  "
			}
			line += pad(words[from+row], widest(words[from:min(from+rows, len(words))]))
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func widest(words []string) (most int) {
	for _, w := range words {
		most = max(most, width(w))
	}
	return most
}

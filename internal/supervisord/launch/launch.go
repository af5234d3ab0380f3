// Package launch is the command supervisord: it reads a configuration, makes service directories
// of it, and becomes svscan, or starts svscan in the background. Nothing of it stays.
package launch

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"catena/internal/supervisord/applied"
	"catena/internal/supervisord/compile"
	"catena/internal/supervisord/config"
	"catena/internal/supervisord/journal"
	"catena/internal/supervisord/server"
	"catena/internal/supervisord/table"
)

// A launcher goes from a configuration to svscan.
type launcher struct {
	program  string // as which supervisord was called
	config   *config.Config
	args     []string // its command line
	launched string   // the working directory
	run      string   // the run directory
	around   compile.Surroundings
	services []compile.Service
	log      *journal.Journal
	limits   []string // the link that raises limits, if one has to
	again    bool     // what was svscan in the background becomes svscan once more
}

// Run runs supervisord with a command line, and returns its exit code. Two command lines are for
// the run directory only: that of the server, and that of what svscan becomes to start again.
func Run(args []string) int {
	l := &launcher{program: args[0], args: args[1:]}
	if len(args) == 3 {
		switch args[1] {
		case compile.Serve:
			return server.Run(args[2])
		case table.Again:
			if err := l.startAgain(args[2]); err != nil {
				return l.fail(err)
			}
		}
	}
	command, err := parse(l.args)
	switch {
	case err != nil:
		return l.usage(err)
	case command.show != "":
		if _, err := io.WriteString(os.Stdout, command.show); err != nil {
			return l.fail(err)
		}
		return 0
	}
	if problems := l.read(command); len(problems) > 0 {
		return l.usage(problems...)
	}
	if command.explain {
		if err := compile.Explain(os.Stdout, l.run, l.services); err != nil {
			return l.fail(err)
		}
		return 0
	}
	if err := l.prepare(); err != nil {
		return l.usage(err)
	}
	if err := l.start(); err != nil {
		l.log.Say(journal.Critical, err.Error())
		return l.fail(err)
	}
	return 0
}

// usage says what is wrong with what somebody has written, as Supervisor does.
func (l *launcher) usage(problems ...error) int {
	for _, problem := range problems {
		fmt.Fprintf(os.Stderr, "Error: %v\n", problem)
	}
	fmt.Fprintf(os.Stderr, "For help, use %s -h\n", l.program)
	return 2
}

func (l *launcher) fail(err error) int {
	fmt.Fprintf(os.Stderr, "Error: %v\n", err)
	return 1
}

// read reads the configuration and compiles it, and returns everything that is wrong with it.
func (l *launcher) read(command commandLine) (problems []error) {
	file := command.file
	if file == "" {
		var tried []string
		if file, tried = config.Find(l.program); file == "" {
			return []error{fmt.Errorf("No config file found at default paths (%s); use the -c option to specify a config file at a different path",
				strings.Join(tried, ", "))}
		}
		if os.Getuid() == 0 {
			fmt.Fprintf(os.Stderr, "Warning: supervisord runs as root and has looked for its configuration in default places, "+
				"such as the working directory, and found %s; better name it with -c\n", file)
		}
	}
	c, wrong := config.Read(file, os.Environ())
	l.config = c
	for _, problem := range wrong {
		problems = append(problems, problem)
	}
	if len(problems) > 0 {
		return problems
	}
	if err := command.apply(&c.Server); err != nil {
		return []error{err}
	}
	if err := l.look(); err != nil {
		return []error{err}
	}
	auto := applied.KeptLogs(before(l.run), c.Server) // nothing is made here
	if err := compile.SetPaths(c, l.around.Directory, auto); err != nil {
		return []error{err}
	}
	services, wrong := compile.Compile(c, l.around)
	l.services = services
	for _, problem := range wrong {
		problems = append(problems, problem)
	}
	return problems
}

// look finds out what the services will find around them, and where their directories are.
func (l *launcher) look() error {
	s := &l.config.Server
	s.PIDFile = config.Absolute(s.PIDFile)
	if s.LogFile != "syslog" {
		s.LogFile = config.Absolute(s.LogFile)
	}
	program := catena()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	l.around = compile.Surroundings{Catena: program, Tools: toolsOf(program), Supervisord: self, UID: os.Geteuid(), Path: os.Getenv("PATH")}
	if s.User != "" {
		uid, _, err := config.UserIDs(s.User)
		if err != nil {
			return err
		}
		l.around.UID = int(uid)
	}
	if l.launched, err = os.Getwd(); err != nil {
		return err
	}
	l.around.Directory = l.launched
	if s.Directory != "" && !s.NoDaemon { // in the foreground Supervisor stays where it is
		l.around.Directory = config.Absolute(s.Directory)
	}
	l.run = runDirectory(*s, os.Geteuid())
	l.around.Run = l.run
	l.around.ServerURL = serverURL(l.config.Sockets)
	return nil
}

// catena finds the multi-call binary: beside supervisord, or along PATH.
func catena() string {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "catena")
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	if found, err := exec.LookPath("catena"); err == nil {
		return config.Absolute(found)
	}
	return "/usr/local/bin/catena"
}

// toolsOf lists the tools that a multi-call binary says it has.
func toolsOf(catena string) (names []string) {
	out, _ := exec.Command(catena, "--help").Output() // whether there is such a file is seen later
	for _, found := range regexp.MustCompile(`(?m)^  (\S+) `).FindAllStringSubmatch(string(out), -1) {
		names = append(names, found[1])
	}
	return names
}

// runDirectory is where the service directories are: beside the pidfile, under its name. For
// root it is below /run, because what root runs must not lie where others may write.
func runDirectory(s config.Server, uid int) string {
	if s.RunDir != "" {
		return config.Absolute(s.RunDir)
	}
	beside := strings.TrimSuffix(s.PIDFile, ".pid") + ".services"
	if uid != 0 || strings.HasPrefix(beside, "/run/") {
		return beside
	}
	beside = strings.TrimPrefix(beside, "/var/run/")
	return "/run/" + strings.ReplaceAll(strings.TrimPrefix(beside, "/"), "/", "-")
}

// serverURL is where programs reach the server: by the first socket in the file system, or else
// by the first other one. It is empty if there is none.
func serverURL(sockets []config.Socket) (url string) {
	for _, s := range sockets {
		if s.Family == config.Unix {
			return "unix://" + s.File
		}
		if url == "" {
			url = "http://" + cmp.Or(s.Host, "localhost") + ":" + strconv.FormatInt(s.Port, 10)
		}
	}
	return url
}

// before is the configuration of the last time, or nil.
func before(run string) *config.Config {
	s, err := applied.Read(run)
	if err != nil {
		return nil
	}
	return &s.Config
}

// startAgain has the launcher do what the supervisord of a run directory was told to.
func (l *launcher) startAgain(run string) error {
	s, err := applied.Read(run)
	if err != nil {
		return err
	}
	l.args, l.again = s.Args, true
	return os.Chdir(s.Launched)
}

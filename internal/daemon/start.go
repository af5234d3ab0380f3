package daemon

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Starting a daemon: what can go wrong is found and said before anything goes on without the
// caller.

// start starts the client, in the background or here.
func (s *settings) start(words []string) (code int, err error) {
	words = append(splitCommand(s.command), words...)
	if len(words) == 0 {
		return failed, misused("Invalid arguments: no command supplied")
	}
	if err := s.changeDirectory(); err != nil {
		return failed, err
	}
	client, err := s.clientOf(words)
	if err != nil {
		return failed, err
	}
	if s.name != "" {
		s.self = s.name
	}
	if !s.core {
		if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Max: coreMaximum()}); err != nil {
			return failed, because(err, "failed to prevent core file generation")
		}
	}
	syscall.Umask(s.umask)
	if err := s.tryLogs(); err != nil {
		return failed, err
	}
	var pidfile *os.File
	if s.pidfile != "" {
		old := syscall.Umask(0o022)
		pidfile, err = s.waitForLock()
		syscall.Umask(old)
		if err != nil {
			return failed, because(err, "failed to create pidfile for %s", s.nameForMessages())
		}
	}
	if s.foreground {
		code, err = s.stayInForeground(client, pidfile)
	} else {
		err = s.detach(client, pidfile)
	}
	if err != nil && pidfile != nil && isNamed(pidfile, s.pidfile) {
		os.Remove(s.pidfile) // it is locked, so nobody else's
	}
	return code, err
}

// changeDirectory goes to the client's working directory. In the background a relative one is below
// the root directory.
func (s *settings) changeDirectory() (err error) {
	if !s.foreground {
		err = os.Chdir("/")
	}
	if err == nil && s.chdir != "" {
		err = os.Chdir(s.chdir)
	}
	if err == nil {
		s.directory, err = os.Getwd()
	}
	if err != nil {
		if s.name != "" {
			s.self = s.name
		}
		return because(err, "failed to change directory to %s", cmp.Or(s.chdir, "/"))
	}
	return nil
}

func (s *settings) nameForMessages() string {
	if s.name != "" {
		return s.name
	}
	return s.pidfile
}

// coreMaximum is the hard limit of core files, which stays as it is.
func coreMaximum() uint64 {
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_CORE, &limit)
	return limit.Max
}

// clientOf turns the words of the command line into those of argv0: the name that the client is
// called by, its file, and its arguments.
func (s *settings) clientOf(words []string) (client []string, err error) {
	program := words[0]
	if s.isCareful() {
		why, err := s.unsafeProgram(program)
		switch {
		case err != nil:
			return nil, because(err, "failed to tell if %s is safe", program)
		case why != "":
			return nil, fmt.Errorf("refusing to execute unsafe program: %s (%s)", program, why)
		}
	}
	file, err := s.search(program)
	if err == nil && isFolder(file) { // a shell would be given it, and exit 0
		err = syscall.EISDIR
	}
	if err == nil {
		err = unix.Access(file, unix.X_OK)
	}
	if err != nil {
		return nil, because(err, "failed to start: %s", program)
	}
	client = []string{file, program}
	if s.name != "" {
		client[1] = s.name + ": " + program
	}
	if isForShell(file) {
		client[0] = "/bin/sh"
		client = append(client, file)
	}
	return append(client, words[1:]...), nil
}

// isForShell reports whether a file is a script that does not say what runs it. As execvp(3) does,
// a shell runs such a one.
func isForShell(file string) bool {
	line := firstLine(file)
	return !strings.HasPrefix(line, "#!") && !strings.HasPrefix(line, "\x7fELF") && !strings.Contains(line, "\x00")
}

// splitCommand splits the argument of --command into words. Single and double quotes and a
// backslash keep blanks together, as in a shell.
func splitCommand(text string) (words []string) {
	var word strings.Builder
	begun := false
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			if quote == '"' && text[i] != '"' && text[i] != '\\' {
				word.WriteByte('\\')
			}
			word.WriteByte(text[i])
			begun = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, begun = c, true
		case quote == 0 && strings.IndexByte(blanks, c) >= 0:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// tryLogs opens the files that messages and output go to, so that the caller hears of one that
// cannot be opened.
func (s *settings) tryLogs() error {
	for _, log := range []struct {
		output  output
		problem string
	}{
		{s.errlog, "failed to start error delivery to %s"},
		{s.dbglog, "failed to start debug delivery to %s"},
		{s.stdout, "failed to open %s to log client stdout"},
		{s.stderr, "failed to open %s to log client stderr"},
	} {
		if !log.output.IsFile {
			continue
		}
		file, err := openLog(log.output.Spec)
		if err != nil {
			return because(err, log.problem, log.output.Spec)
		}
		file.Close()
	}
	return nil
}

// debugf writes a debug message, if any are wanted.
func (s *settings) debugf(format string, values ...any) {
	if s.debug > 0 {
		s.dbglog.write(s.self, fmt.Sprintf("debug: "+format, values...))
	}
}

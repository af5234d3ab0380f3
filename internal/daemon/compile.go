package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A daemon becomes a service directory: a chain without a shell that runs the client, this
// program as finish, and a restart policy.

// card is what finish has to know of the daemon. It is a file of the service directory.
type card struct {
	Name      string
	Pidfile   string
	Errlog    output
	Directory string
	Umask     int
	Root      string
	User      account
	Respawn   bool

	Acceptable, Attempts, Delay, Limit int
}

const cardFile = "daemon.json"

func (s *settings) card() card {
	return card{Name: s.self, Pidfile: s.pidfile, Errlog: s.errlog, Directory: s.directory, Umask: s.umask,
		Root: s.chroot, User: s.user, Respawn: s.respawn,
		Acceptable: s.acceptable, Attempts: s.attempts, Delay: s.delay, Limit: s.limit}
}

// compile writes the service directory.
func (s *settings) compile(dir string, client []string) error {
	own, err := os.Executable()
	if err != nil {
		return because(err, "failed to find this program")
	}
	text, err := json.Marshal(s.card())
	if err != nil {
		return err
	}
	files := map[string]string{"chain": chainText(s.chain(client)), cardFile: string(text) + "\n"}
	for name, value := range s.policy() {
		files[name] = value + "\n"
	}
	for _, name := range policyFiles {
		if _, has := files[name]; !has {
			os.Remove(filepath.Join(dir, name))
		}
	}
	for name, text := range files {
		if err := replaceFile(filepath.Join(dir, name), text); err != nil {
			return because(err, "failed to write %s", filepath.Join(dir, name))
		}
	}
	for name, program := range map[string]string{"run": filepath.Join(filepath.Dir(own), "catena"), "finish": own} {
		path := filepath.Join(dir, name)
		if err := link(program, path); err != nil {
			return because(err, "failed to create %s", path)
		}
	}
	return nil
}

// link makes a symbolic link, in the place of what was there.
func link(target, path string) error {
	fresh := path + ".new"
	os.Remove(fresh)
	if err := os.Symlink(target, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// replaceFile writes a file by way of another name: whoever reads it finds the old text or the
// new one.
func replaceFile(path, text string) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

var policyFiles = []string{"restart", "min-uptime", "max-failed-starts", "restart-delay", "restart-burst"}

// policy is the restart policy. libslack counts a life that is shorter than --acceptable as a
// failure. After --attempts failures comes a delay, but for the one with the number of --limit,
// which is the end: finish sees to that.
func (s *settings) policy() map[string]string {
	if !s.respawn {
		return map[string]string{"restart": "never", "max-failed-starts": "1"}
	}
	if s.acceptable <= 0 { // no life is too short
		return map[string]string{"restart": "always", "restart-delay": "0"}
	}
	return map[string]string{
		"restart":       "always",
		"min-uptime":    milliseconds(s.acceptable),
		"restart-delay": milliseconds(s.delay),
		"restart-burst": strconv.Itoa(max(s.attempts, 1)),
	}
}

func milliseconds(seconds int) string { return strconv.Itoa(max(seconds, 0) * 1000) }

// pidfileFD is the descriptor of the pidfile, and of its lock, in a supervisor.
const pidfileFD = 3

// chain is the command line of the client: what changes the process, and then the client.
// Standard output is /dev/null, standard error is the supervisor's.
func (s *settings) chain(client []string) (words []string) {
	add := func(more ...string) { words = append(words, more...) }
	if s.pidfile != "" {
		add("fdclose", strconv.Itoa(pidfileFD))
	}
	add("fdmove", "-c", "2", "1")
	if s.hasSyslog() {
		add("tosyslog", "-t", "daemon")
		if s.stdout.isSyslog() {
			add("-1", s.stdout.Spec)
		}
		if s.stderr.isSyslog() {
			add("-2", s.stderr.Spec)
		}
	}
	if s.chroot != "" {
		add("chpst", "-/", s.realRoot)
		if s.user.UID != 0 {
			add("-u", s.user.chainWord())
		}
	}
	add("umask", "0"+strconv.FormatInt(int64(s.umask), 8), "cd", s.directory)
	if s.stdout.IsFile {
		add("redirfd", "-a", "1", s.stdout.Spec)
	}
	switch {
	case s.stderr.IsFile && s.stderr == s.stdout:
		add("fdmove", "-c", "2", "1")
	case s.stderr.IsFile:
		add("redirfd", "-a", "2", s.stderr.Spec)
	}
	if s.pidfile != "" {
		add("pidfile", clientPidfile(s.pidfile))
	}
	add("argv0")
	return append(words, client...)
}

func (o output) isSyslog() bool     { return o.Spec != "" && !o.IsFile }
func (s *settings) hasSyslog() bool { return s.stdout.isSyslog() || s.stderr.isSyslog() }

// chainText writes words as a chain file has them.
func chainText(words []string) string {
	var b strings.Builder
	for _, word := range words {
		if word != "" && isMadeOf(word, "-._/:,=@%+") {
			b.WriteString(word + "\n")
			continue
		}
		// An empty line follows, because a second line with a bar would be of the same word.
		b.WriteString("|" + strings.ReplaceAll(word, "\n", "\n|") + "\n\n")
	}
	return b.String()
}

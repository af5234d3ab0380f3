package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/compile"
	"catena/internal/supervisord/config"
)

// prepare does what may fail because of the surroundings, and changes nothing that runs.
func (l *launcher) prepare() error {
	s := l.config.Server
	if _, err := os.Stat(l.around.Catena); err != nil {
		return fmt.Errorf("there is no catena beside supervisord and none in PATH: %w", err)
	}
	if pid := runningIn(filepath.Join(l.run, compile.Scan)); pid != 0 {
		return fmt.Errorf("another supervisord is running with pid %d. Shut this program down first before starting supervisord.", pid)
	}
	var first []string // that Supervisor logs first
	if s.User == "" && os.Geteuid() == 0 {
		first = append(first, "Supervisor is running as root.  Privileges were not dropped because no user is "+
			"specified in the config file.  If you intend to run as root, you can set user=root in the config file to avoid this message.")
	}
	if err := l.makeRun(); err != nil {
		return err
	}
	if err := become(s.User); err != nil {
		return err
	}
	var err error
	if l.log, err = openJournal(s); err != nil {
		return err
	}
	for _, text := range first {
		l.log.say(critical, text)
	}
	for _, text := range l.config.Warnings {
		l.log.say(warning, text)
	}
	for _, text := range l.config.Notes {
		l.log.say(info, text)
	}
	if s.User != "" {
		l.log.say(info, fmt.Sprintf("Set uid to user %d succeeded", l.around.UID))
	}
	return l.raiseLimits()
}

// makeRun makes the run directory and gives it to the user of the configuration, who may not be
// able to make it.
func (l *launcher) makeRun() error {
	if l.around.UID == os.Geteuid() || os.Geteuid() != 0 {
		return nil // compile makes it
	}
	if err := os.MkdirAll(filepath.Dir(l.run), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(l.run, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil // compile looks whose it is
	}
	if err != nil {
		return err
	}
	return os.Lchown(l.run, l.around.UID, -1)
}

// become takes on the ids of a user, unless the process has them.
func become(user string) error {
	if user == "" {
		return nil
	}
	uid, gid, err := config.UserIDs(user)
	if err != nil {
		return err
	}
	if int(uid) == os.Getuid() {
		return nil
	}
	if os.Getuid() != 0 {
		return errors.New("Can't drop privilege as nonroot user")
	}
	groups, err := config.GroupsOf(user)
	if err != nil {
		return err
	}
	if err := syscall.Setgroups(append([]int{int(gid)}, groups...)); err != nil {
		return errors.New("Could not set groups of effective user")
	}
	if err := syscall.Setgid(int(gid)); err != nil {
		return errors.New("Could not set group id of effective user")
	}
	return syscall.Setuid(int(uid))
}

// runningIn returns an svscan that works in a directory, or 0. The pidfile would not do: it may
// be another one, or could not be written.
func runningIn(scan string) (pid int) {
	here, err := os.Stat(scan)
	if err != nil {
		return 0
	}
	directories, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, cwd := range directories {
		process := filepath.Dir(cwd)
		there, err := os.Stat(cwd)
		if err != nil || !os.SameFile(there, here) {
			continue
		}
		if name, _ := os.ReadFile(filepath.Join(process, "comm")); string(name) == "svscan\n" || string(name) == "catena\n" {
			pid, _ = strconv.Atoi(filepath.Base(process))
			return pid
		}
	}
	return 0
}

// start makes the service directories, and becomes svscan or starts it.
func (l *launcher) start() error {
	if err := compile.SetPaths(l.config, l.around.Directory, l.makeLogs()); err != nil {
		return err
	}
	for _, text := range compile.NotYet(l.config) {
		l.log.say(warning, text)
	}
	if !l.config.Server.NoCleanup {
		l.clearLogs()
	}
	l.services, _ = compile.Compile(l.config, l.around) // with the files that there are by now
	changes, err := compile.Compare(l.run, l.services)
	if err != nil {
		return err
	}
	if err := l.endChanged(changes); err != nil {
		return err
	}
	if err := compile.Write(l.run, l.services); err != nil {
		return err
	}
	text, err := json.MarshalIndent(l.config, "", "\t")
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(l.run, applied), append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := l.writeFinish(); err != nil {
		return err
	}
	return l.svscan()
}

// writeFinish has svscan remove the pidfile when everything has stopped.
func (l *launcher) writeFinish() error {
	scan := filepath.Join(l.run, compile.Scan)
	text := "# when svscan has stopped everything\nrm\n    -f\n    |" + l.config.Server.PIDFile + "\n"
	if err := replace(filepath.Join(scan, "finish.chain"), []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(scan, ".svscan"), 0o755); err != nil {
		return err
	}
	finish := filepath.Join(scan, ".svscan/finish")
	if to, err := os.Readlink(finish); err == nil && to == l.around.Catena {
		return nil
	}
	if err := os.Remove(finish); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(l.around.Catena, finish)
}

// svscan becomes svscan in the foreground. Otherwise it starts svscan in a session of its own.
func (l *launcher) svscan() error {
	s := l.config.Server
	program := l.around.Catena
	if named := filepath.Join(filepath.Dir(program), "svscan"); isCatena(named, program) {
		program = named // which is the name that ps and pgrep show
	}
	words := []string{"svscan", "-1", filepath.Join(l.run, compile.Scan)}
	if l.limits != nil {
		words[0] = program
		words = append(append([]string{"softlimit"}, l.limits...), words...)
		program = l.around.Catena
	}
	if s.NoDaemon {
		l.writePID(os.Getpid())
		return syscall.Exec(program, words, os.Environ())
	}
	l.log.say(info, "daemonizing the supervisord process")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	messages := null
	if l.log.file != nil {
		messages = l.log.file
	}
	unix.Umask(int(s.UMask & 0o777))
	pid, err := syscall.ForkExec(program, words, &syscall.ProcAttr{
		Dir:   l.around.Directory,
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), null.Fd(), messages.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	l.writePID(pid)
	return nil
}

// isCatena reports whether a name leads to the multi-call binary.
func isCatena(name, catena string) bool {
	one, err := os.Stat(name)
	other, failed := os.Stat(catena)
	return err == nil && failed == nil && os.SameFile(one, other)
}

// writePID writes the pidfile, and says which process it is. As in Supervisor, the programs are
// run even if it cannot be written: a user may not have the right to.
func (l *launcher) writePID(pid int) {
	file := l.config.Server.PIDFile
	if err := replacePID(file, pid); err != nil {
		l.log.say(critical, "could not write pidfile "+file+": "+err.Error())
	}
	l.log.say(info, fmt.Sprintf("supervisord started with pid %d", pid))
}

// replacePID makes a new file. What is there is not written to: it may be a link that somebody
// has put there.
func replacePID(file string, pid int) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, pid)
	return errors.Join(err, out.Close())
}

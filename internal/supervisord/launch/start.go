package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/supervisord/applied"
	"catena/internal/supervisord/compile"
	"catena/internal/supervisord/config"
	"catena/internal/supervisord/journal"
	"catena/internal/supervisord/server"
)

// prepare does what may fail because of the surroundings, and changes nothing that runs.
func (l *launcher) prepare() error {
	s := l.config.Server
	if _, err := os.Stat(l.around.Catena); err != nil {
		return fmt.Errorf("there is no catena beside supervisord and none in PATH: %w", err)
	}
	if pid := stillRunningIn(filepath.Join(l.run, compile.Scan)); pid != 0 {
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
	if !l.serverLives() {
		if err := server.TrySockets(l.config.Sockets); err != nil {
			return err
		}
	}
	var err error
	if l.log, err = journal.Open(s); err != nil {
		return err
	}
	for _, text := range first {
		l.log.Say(journal.Critical, text)
	}
	for _, text := range l.config.Warnings {
		l.log.Say(journal.Warning, text)
	}
	for _, text := range l.config.Notes {
		l.log.Say(journal.Info, text)
	}
	if s.User != "" {
		l.log.Say(journal.Info, fmt.Sprintf("Set uid to user %d succeeded", l.around.UID))
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

// stillRunningIn is runningIn, but an svscan that was killed a moment ago may end first.
func stillRunningIn(scan string) (pid int) {
	const most, pause = 50, 20 * time.Millisecond
	for range most {
		if pid = runningIn(scan); pid == 0 {
			return 0
		}
		time.Sleep(pause)
	}
	return pid
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
	if err := compile.SetPaths(l.config, l.around.Directory, applied.MakeLogs(before(l.run), l.config.Server)); err != nil {
		return err
	}
	for _, text := range compile.NotYet(l.config) {
		l.log.Say(journal.Warning, text)
	}
	if !l.config.Server.NoCleanup {
		applied.ClearLogs(l.config, func(text string) { l.log.Say(journal.Warning, text) })
	}
	l.services, _ = compile.Compile(l.config, l.around) // with the files that there are by now
	changes, err := compile.Compare(l.run, l.services)
	if err != nil {
		return err
	}
	if err := l.endChanged(changes); err != nil {
		return err
	}
	l.endServer()
	if err := compile.Write(l.run, l.services); err != nil {
		return err
	}
	state := applied.State{Config: *l.config, Args: l.args, Launched: l.launched, Around: l.around}
	if err := state.Write(l.run); err != nil {
		return err
	}
	if err := l.writeFinish(); err != nil {
		return err
	}
	return l.svscan()
}

// writeFinish has svscan remove the pidfile when everything has stopped, and hand signals on to
// the server.
func (l *launcher) writeFinish() error {
	scan := filepath.Join(l.run, compile.Scan)
	chain, err := compile.ChainText([][]string{{"rm", "-f", l.config.Server.PIDFile}})
	if err != nil {
		return err
	}
	if err := applied.Replace(filepath.Join(scan, compile.FinishChain), []byte(chain), 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(scan, ".svscan"), 0o755); err != nil {
		return err
	}
	if err := relink(l.around.Catena, filepath.Join(scan, ".svscan/finish")); err != nil {
		return err
	}
	return relink("../../svc/"+compile.OwnService, filepath.Join(scan, ".svscan/signals"))
}

// relink makes a symbolic link, unless it is there.
func relink(to, name string) error {
	if now, err := os.Readlink(name); err == nil && now == to {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(to, name)
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
	if s.NoDaemon || l.again {
		l.writePID(os.Getpid())
		return syscall.Exec(program, words, os.Environ())
	}
	l.log.Say(journal.Info, "daemonizing the supervisord process")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	messages := null
	if file := l.log.File(); file != nil {
		messages = file
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
	return server.AwaitSockets(l.config.Sockets)
}

// isCatena reports whether a name leads to the multi-call binary.
func isCatena(name, catena string) bool {
	one, err := os.Stat(name)
	other, failed := os.Stat(catena)
	return err == nil && failed == nil && os.SameFile(one, other)
}

// writePID writes the pidfile. As in Supervisor, the programs are
// run even if it cannot be written: a user may not have the right to.
func (l *launcher) writePID(pid int) {
	file := l.config.Server.PIDFile
	if err := replacePID(file, pid); err != nil {
		l.log.Say(journal.Critical, "could not write pidfile "+file+": "+err.Error())
	}
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

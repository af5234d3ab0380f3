package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"catena/internal/service"
	"catena/internal/supervisord/config"
	"catena/internal/supervisord/python"
)

// chain adds the file chain: what Supervisor does in a child between fork and exec, in its order.
func (b *builder) chain() {
	p := &b.program
	words, _ := python.Words(p.Command) // which config has checked
	links := [][]string{{"envfile", env}}
	if b.group.Kind == config.OfFastCGI { // what is wrong with the socket is said in the log of the program
		links = append(append(links, b.outputs()...), []string{"takesocket", "../" + holders + b.group.Name})
	} else {
		links = append(append(links, []string{"redirfd", "-u", "0", stdin}), b.outputs()...)
	}
	if link := b.syslog(); len(link) > 3 {
		links = append(links, link)
	}
	if p.UID != nil && *p.UID != int64(b.around.UID) {
		links = append(links, []string{"setuidgid", "-s", p.User})
	}
	links = append(links, []string{"cd", b.around.path(p.Directory)})
	if p.UMask != nil {
		links = append(links, []string{"umask", fmt.Sprintf("%03o", *p.UMask&0o777)})
	}
	if slices.Contains(b.around.Tools, words[0]) {
		links = append(links, []string{"argv0", LookUp(words[0], *p, b.around)})
	}
	text, err := ChainText(append(links, words))
	if err != nil {
		b.problem(err.Error())
	}
	b.add(chain, text)
}

// LookUp finds a command as a program finds it: in the PATH that the program gets, unless the
// command has a slash. If the command is not there, the path is that of a file which is not there.
func LookUp(command string, p config.Program, around Surroundings) string {
	if filepath.IsAbs(command) {
		return command
	} else if strings.Contains(command, "/") {
		return filepath.Join(around.path(p.Directory), command)
	}
	path := around.Path
	for _, variable := range p.Environment {
		if variable.Key == "PATH" {
			path = variable.Value
		}
	}
	if path == "" {
		path = "/bin:/usr/bin:/usr/local/bin"
	}
	dirs := strings.Split(path, ":")
	for _, dir := range dirs {
		file := filepath.Join(around.path(dir), command)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return file
		}
	}
	return filepath.Join(around.path(dirs[0]), command)
}

// path is a path as the server sees it, or its directory if the path is empty.
func (a *Surroundings) path(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.Directory, path)
}

// ChainText writes links, each with its arguments, as a chain file has them: a word a line,
// and the arguments indented.
func ChainText(links [][]string) (string, error) {
	const most = 131072 // of such a file
	var b strings.Builder
	marked := false // the line before may be gone on with
	for _, link := range links {
		for i, word := range link {
			indent := "    "
			if i == 0 {
				indent = ""
			}
			if strings.Contains(word, "\r\n") || strings.HasSuffix(word, "\r") {
				return "", fmt.Errorf("no line of a chain ends in a carriage return, and a word does: %s", python.Repr(word))
			}
			mark := isMarked(word)
			if mark && marked {
				b.WriteString("\n") // so that they are two words
			}
			if mark {
				word = "|" + strings.ReplaceAll(word, "\n", "\n"+indent+"|")
			}
			b.WriteString(indent + word + "\n")
			marked = mark
		}
	}
	if b.Len() > most {
		return "", fmt.Errorf("its chain has more than %d bytes", most)
	}
	return b.String(), nil
}

// isMarked reports whether a word needs a | in front.
func isMarked(word string) bool {
	return word == "" || strings.Contains(word, "\n") || strings.Trim(word, " \t") != word || strings.IndexByte(`#|"'$`, word[0]) >= 0
}

// Where a stream goes.
const (
	toFile   = iota
	toStdout // that of the server, which svscan hands on
	toStderr
)

// where returns where a stream goes, and which file that is.
func where(log config.Log) (to int, file string) {
	switch log.Path {
	case "":
		return toFile, "/dev/null"
	case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		return toStdout, ""
	case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2":
		return toStderr, ""
	}
	return toFile, log.Path
}

// syslog is the link that sends streams to the system's log, in the name of the program. A
// stream that has a file as well goes there only.
func (b *builder) syslog() []string {
	p := &b.program
	link := []string{"tosyslog", "-t", p.Name}
	for _, of := range []struct {
		option string
		log    *config.Log
	}{{"-1", &p.Stdout}, {"-2", &p.Stderr}} {
		if of.log.Syslog && of.log.Path == "" {
			link = append(link, of.option, "user.info")
		}
	}
	if p.RedirectStderr && p.Stdout.Syslog && p.Stdout.Path == "" {
		link = []string{"tosyslog", "-t", p.Name, "-1", "user.info", "-2", "user.info"}
	}
	return link
}

// outputs are the links that connect standard output and standard error. Where one of them goes
// to what the other one is, that comes before the other one is something else.
func (b *builder) outputs() [][]string {
	p := &b.program
	out, outFile := where(p.Stdout)
	var first [][]string
	switch out {
	case toFile:
		first = [][]string{b.output("1", p.Stdout, outFile)}
	case toStderr:
		first = [][]string{{"fdmove", "-c", "1", "2"}}
	}
	if p.RedirectStderr {
		return append(first, []string{"fdmove", "-c", "2", "1"})
	}
	err, errFile := where(p.Stderr)
	switch {
	case err == toStderr:
		return first
	case err == toFile:
		return append(first, b.output("2", p.Stderr, errFile))
	case out == toStderr: // they change places
		return [][]string{{"fdmove", "-c", "3", "1"}, {"fdmove", "-c", "1", "2"}, {"fdmove", "2", "3"}}
	}
	return append([][]string{{"fdmove", "-c", "2", "1"}}, first...)
}

// isDevice reports whether the path of a file is that of a device.
func isDevice(file string) bool {
	return strings.HasPrefix(file, "/dev/") && !strings.HasPrefix(file, "/dev/shm/")
}

// output is the link that connects a stream with its file. Where the file is to be rotated, or the
// lines are to be looked at, that is a FIFO, which logscan reads.
func (b *builder) output(descriptor string, log config.Log, file string) []string {
	looks := log.Syslog || b.strips
	if log.MaxBytes <= 0 && !looks || isDevice(file) {
		return []string{"redirfd", "-a", descriptor, file}
	}
	of := service.Streams[0]
	if descriptor == "2" {
		of = service.Streams[1]
	}
	if strings.ContainsAny(file, "\n") {
		b.problem("there is a newline in the name of a log: " + python.Repr(file))
	}
	b.files = append(b.files, File{Name: of.FIFO, Kind: FIFO, Mode: 0o600})
	settings := fmt.Sprintf("s%d\nn%d\n", max(log.MaxBytes, 0), max(log.Backups, 0))
	if b.strips {
		settings += "x\n"
	}
	if log.Syslog {
		settings += "yuser.info:" + b.program.Name + "\n"
	}
	b.add(of.Settings, settings+file+"\n")
	b.add(service.Needs+"/"+Logger, "")
	return []string{"redirfd", "-u", descriptor, of.FIFO}
}

// environment adds the file of variables. The program has those of the server besides.
func (b *builder) environment() {
	variables := []config.Variable{{Key: "SUPERVISOR_ENABLED", Value: "1"}}
	if url := b.program.ServerURL; url != "" {
		variables = append(variables, config.Variable{Key: "SUPERVISOR_SERVER_URL", Value: url})
	} else if b.around.ServerURL != "" {
		variables = append(variables, config.Variable{Key: "SUPERVISOR_SERVER_URL", Value: b.around.ServerURL})
	}
	variables = append(variables,
		config.Variable{Key: "SUPERVISOR_PROCESS_NAME", Value: b.program.Name},
		config.Variable{Key: "SUPERVISOR_GROUP_NAME", Value: b.group.Name})
	var text strings.Builder
	quote := strings.NewReplacer(`"`, `\"`, `\`, `\\`, `$`, `\$`, "`", "\\`")
	for _, variable := range python.Update(variables, b.program.Environment) {
		if !isName(variable.Key) {
			b.problem("there can be no variable " + python.Repr(variable.Key) + ": its name has other characters than letters, digits, _, . and -")
		}
		fmt.Fprintf(&text, "%s=\"%s\"\n", variable.Key, quote.Replace(variable.Value))
	}
	if strings.ContainsRune(text.String()+b.program.Command, 0) {
		b.problem("there is a NUL in the environment or the command")
	}
	b.files = append(b.files, File{Name: env, Text: text.String(), Mode: 0o600}) // it may have secrets
}

// isName reports whether envfile takes the name of a variable.
func isName(s string) bool {
	for _, c := range []byte(s) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("_.-", rune(c)) {
			return false
		}
	}
	return s != ""
}

package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// What others may write is neither read as configuration nor run, if the daemon is root's or
// with --safe.

// unsafeBecause says why a file is unsafe: which directory on the way to it, or the file, its
// group or others may write. It is empty if none is so.
func unsafeBecause(file string) (why string, err error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return unsafePath(path, 0)
}

func unsafePath(path string, links int) (why string, err error) {
	const mostLinks = 16
	if links > mostLinks {
		return "", syscall.ELOOP
	}
	for {
		info, err := os.Lstat(path)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			if err != nil {
				return "", err
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(path), target)
			}
			if why, err := unsafePath(target, links+1); err != nil || why != "" {
				return why, err
			}
		} else if who := writers(info.Mode()); who != "" {
			return path + " is " + who + "writable", nil
		}
		if path == "/" {
			return "", nil
		}
		path = filepath.Dir(path)
	}
}

// writers says who besides the owner may write.
func writers(mode fs.FileMode) string {
	switch mode & 0o022 {
	case 0o020:
		return "group-"
	case 0o002:
		return "world-"
	case 0o022:
		return "group- and world-"
	}
	return ""
}

// unsafeProgram is unsafeBecause for a program, wherever it is in PATH, and for the interpreter
// of a script.
func (s *settings) unsafeProgram(program string) (why string, err error) {
	file, err := s.search(program)
	if err != nil {
		return "", err
	}
	if why, err = unsafeBecause(file); err != nil || why != "" {
		return why, err
	}
	interpreter, argument := interpreterOf(file)
	if interpreter == "" {
		return "", nil
	}
	if why, err = unsafeBecause(interpreter); err != nil || why != "" {
		return why, err
	}
	if interpreter == "/usr/bin/env" && argument != "" {
		return s.unsafeProgram(argument)
	}
	return "", nil
}

// search finds a program as execvp(3) does: a word without a slash is looked up in PATH.
func (s *settings) search(program string) (file string, err error) {
	if strings.Contains(program, "/") {
		_, err := os.Stat(program)
		return program, err
	}
	path := s.environ.get("PATH")
	if path == "" {
		path = "/usr/bin:/bin"
	}
	err = syscall.ENOENT
	for folder := range strings.SplitSeq(path, ":") {
		file := filepath.Join(folder, program)
		if folder == "" {
			file = "./" + program
		}
		info, failed := os.Stat(file)
		switch {
		case errors.Is(failed, fs.ErrNotExist):
		case failed != nil:
			err = failed
		case info.Mode()&0o111 != 0 && !info.IsDir():
			return file, nil
		case !info.IsDir():
			err = syscall.EACCES
		}
	}
	return "", err
}

// interpreterOf returns the interpreter that a script names, and the first word behind it.
func interpreterOf(file string) (interpreter, argument string) {
	line, has := strings.CutPrefix(firstLine(file), "#!")
	words := strings.Fields(line)
	if !has || len(words) == 0 {
		return "", ""
	}
	if len(words) > 1 {
		argument = words[1]
	}
	return words[0], argument
}

// firstLine is the beginning of a file, of as much as the kernel looks at in a script.
func firstLine(file string) string {
	opened, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer opened.Close()
	text := make([]byte, 256)
	n, _ := opened.Read(text)
	line, _, _ := strings.Cut(string(text[:n]), "\n")
	return line
}

package test

// Services whose run and finish are links to catena, and whose chains are files.
//
// Not tested in this file: what the lines of such a file mean, bad files, noexec, and the
// other things that scripts can show (the scripts chainfile_*).

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// chained makes run, or finish, of a directory a link to catena, with its words.
func chained(dir, program string, words ...string) {
	file := map[string]string{"run": "chain", "finish": "finish.chain"}[program]
	must(os.MkdirAll(dir, 0o755))
	must(os.WriteFile(filepath.Join(dir, file), []byte(strings.Join(words, "\n")+"\n"), 0o644))
	must(os.Symlink(filepath.Join(fused.dir, "catena"), filepath.Join(dir, program)))
}

func commandLineOf(pid int) string {
	return strings.ReplaceAll(textOf(fmt.Sprintf("/proc/%d/cmdline", pid)), "\x00", " ")
}

// In a directory that cannot be read, or is another one, there is no chain file to be read.
func TestAProgramInheritsFromAChainFileWhatDaemontoolsGiveIt(t *testing.T) {
	needRoot(t)
	in := slices.DeleteFunc(slices.Concat(states, tightStates), func(s state) bool {
		return slices.ContainsFunc(s.words, func(w string) bool { return strings.HasPrefix(w, "chdir=") })
	})
	for i, c := range slices.Concat(tellingChains, furtherChains) {
		t.Run(c.words, func(t *testing.T) {
			t.Parallel()
			starts := in
			if i >= len(tellingChains) {
				starts = []state{plainest}
			}
			for _, s := range starts {
				var outcomes []outcome
				for _, p := range []path{daemontools(t), fused} {
					a := newArena(p).furnish()
					words := c.called(byName)
					must(os.WriteFile(filepath.Join(a.here, "chain"), []byte("|"+strings.Join(a.locals(words), "\n\n|")), 0o644))
					must(os.Symlink(filepath.Join(fused.dir, "catena"), filepath.Join(a.here, "run")))
					command := native(p, words)
					if p == fused {
						command = commandLine{"@/here/run", "./run"}
					}
					outcomes = append(outcomes, a.run(t, s, command))
					a.remove()
				}
				if s.name == plainest.name && !outcomes[0].reached() {
					t.Error("proves nothing, as daemontools do not reach the probe")
				}
				if text := difference(outcomes[0], outcomes[1]); text != "" {
					t.Errorf("%s: differs from daemontools\n%s", s.name, text)
				}
			}
		})
	}
}

// In PATH there is none of catena's tools.
func TestServicesWithoutAShell(t *testing.T) {
	inModes(t, both, func(t *testing.T, m mode) {
		y := newYard(t, m)
		made, web := filepath.Join(y.top, "made"), filepath.Join(y.scan, "web")
		chained(made, "run", "envdir", "./env", "softlimit", "-c", "0", "sleep", "1000")
		chained(made, "finish", "envdir", "./env", "cp", "chain", "finished")
		chained(filepath.Join(made, "log"), "run", "# the log", "softlimit", "-c", "0", "multilog", "./main")
		must(os.Mkdir(filepath.Join(made, "env"), 0o755))
		must(os.WriteFile(filepath.Join(made, "env", "A"), []byte("1"), 0o644))
		must(os.Rename(made, web))
		alone := filepath.Join(y.top, "alone") // svscan looks supervise up
		must(os.Mkdir(alone, 0o755))
		must(os.Symlink(filepath.Join(fused.dir, "catena"), filepath.Join(alone, "supervise")))
		svscan := y.svscan("env", "PATH="+alone+":"+systemTools, filepath.Join(fused.dir, "svscan"))
		pids := func(dirs ...string) (list []int) {
			all := y.up(dirs...)
			for _, d := range dirs {
				list = append(list, all[d].others[0])
			}
			return list
		}
		before := pids(web, web+"/log")
		server, log := before[0], before[1]
		y.await("the server and the log", func() bool {
			return commandLineOf(server) == "sleep 1000 " && commandLineOf(log) == "multilog ./main "
		})
		if log, _ := y.look(log); log.name != "multilog" {
			t.Errorf("the log is called %s", log.name)
		}
		if env := textOf(fmt.Sprintf("/proc/%d/environ", server)); !strings.Contains("\x00"+env, "\x00A=1\x00") {
			t.Errorf("the server has the environment %q", env)
		}
		if got := y.do("svstat", web); !strings.HasPrefix(got, fmt.Sprintf("%s: up (pid %d) ", web, y.pidInside(server))) {
			t.Errorf("svstat: %s", got)
		}
		y.do("svc", "-t", web)
		y.await("finish", func() bool { return exists(web + "/finished") })
		y.await("another server", func() bool { return pids(web)[0] != server })
		y.stop(svscan)
		y.saysNothing()
	})
}

// A chain that is refused is like any run that ends at once: it says why, and svstat shows
// that it exited 111.
func TestAChainThatIsRefusedIsShown(t *testing.T) {
	crowd := newCrowd()
	defer crowd.Wait()
	for _, c := range []struct{ name, chain, want string }{
		{"none", "", "run: fatal: unable to read chain: file does not exist (catena reads it if it is called as ./run)\n"},
		{"loop", "./run\n", "run: fatal: chain:1: unable to run ./run: a chain file cannot lead to another\n"},
		{"bad line", "sleep\n\"1000\"\n", "run: fatal: chain:2: begins as a shell's quotes and variables do: put | in front\n"},
	} {
		crowd.run(t, c.name, func(t *testing.T) {
			h := newHome(t, "")
			must(os.Remove(h.file("run")))
			must(os.Symlink(filepath.Join(fused.dir, "catena"), h.file("run")))
			must(os.Symlink("run", h.file("finish")))
			if c.chain != "" {
				h.option("chain", c.chain)
			}
			s := h.supervise(t, fused)
			eventually(t, "two starts", func() bool { return strings.Count(s.said(), c.want) >= 2 }, h.explain)
			eventually(t, "svstat", func() bool {
				return strings.Contains(h.tool(t, fused, "svstat", "-l", "s"), "last exited 111")
			})
			h.svc(t, fused, "dx")
			if got := s.exit(t); got != "exit 0" {
				t.Error(got)
			}
			finish := "finish: fatal: unable to read finish.chain: file does not exist (catena reads it if it is called as ./finish)\n"
			if rest := strings.ReplaceAll(strings.ReplaceAll(s.said(), c.want, ""), finish, ""); rest != "" || !strings.Contains(s.said(), finish) {
				t.Errorf("it said %q", s.said())
			}
		})
	}
}

// finish gets what supervise says where its chain asks for it.
func TestFinishChainIsToldHowTheServiceEnded(t *testing.T) {
	h := newHome(t, "")
	h.run("#!/bin/sh\nexit 7\n")
	chained(h.service(), "finish", "sh", "-c", `|echo "$0 $*" >told.new`, "|mv told.new told", "|exit 125", "# its name", "|told", "$@")
	s := h.supervise(t, fused)
	eventually(t, "want down", func() bool { return h.state().want == 'd' }, h.explain)
	if got, want := textOf(h.file("told")), fmt.Sprintf("told 7 0 s %d\n", h.remembers().last); got != want {
		t.Errorf("finish was told %q, want %q", got, want)
	}
	h.svc(t, fused, "x")
	if got := s.exit(t); got != "exit 0" {
		t.Error(got)
	}
}

// One exec reads the file, and one starts the server.
func TestAChainFileTakesOneExec(t *testing.T) {
	need(t, "strace")
	dir := newArena(fused).here
	chained(dir, "run", "envdir", "./env", "softlimit", "-c", "0", "setlock", "./lock", "pgrphack", "sleep", "0")
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command("strace", "-f", "-qq", "-e", "trace=execve,execveat", "-o", trace, "./run")
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + systemTools}
	must(os.MkdirAll(filepath.Join(dir, "env"), 0o755))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	var programs []string
	for line := range strings.Lines(textOf(trace)) {
		if strings.HasSuffix(strings.TrimSpace(line), "= 0") {
			programs = append(programs, submatches(`execve\("([^"]*)"`, line)...)
		}
	}
	if len(programs) != 2 || programs[0] != "./run" || filepath.Base(programs[1]) != "sleep" {
		t.Errorf("executed %q", programs)
	}
}

// A multi-call binary that was built without the early entry gives the same answers.
func TestChainFilesUnderTheRuntime(t *testing.T) {
	hosted := filepath.Join(t.TempDir(), "catena")
	build(hosted, "./cmd/catena", false)
	for _, c := range []struct{ name, text, end string }{
		{"words", "# none\nenvdir\n  env\nsoftlimit\n-c\n0\nsh\n-c\n|echo \"$A\" $#\n|exit 3\nsh\n|\n\n|\n$@\n", "exit 3"},
		{"a child", "fghack\n-s\nenvdir\nenv\nsh\n-c\n|echo $A; exit 4\n", "exit 4"},
		{"a bad line", "echo\na\r\n", "exit 111"},
		{"no words", "#\n", "exit 111"},
		{"no program", "softlimit\n-c\n0\nnosuch\n", "exit 111"},
		{"a loop", "softlimit\n-c\n0\n./run\n", "exit 111"},
	} {
		var answers []string
		for _, catena := range []string{filepath.Join(fused.dir, "catena"), hosted} {
			dir := t.TempDir()
			must(os.WriteFile(filepath.Join(dir, "chain"), []byte(c.text), 0o644))
			must(os.Mkdir(filepath.Join(dir, "env"), 0o755))
			must(os.WriteFile(filepath.Join(dir, "env", "A"), []byte("1"), 0o644))
			must(os.Symlink(catena, filepath.Join(dir, "run")))
			cmd := exec.Command(filepath.Join(dir, "run"), "of finish", "")
			cmd.Args[0], cmd.Dir, cmd.Env = "./run", dir, []string{"PATH=" + systemTools}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			cmd.Run()
			answers = append(answers, out.String()+ending(cmd.ProcessState))
		}
		if answers[0] != answers[1] || !strings.HasSuffix(answers[0], c.end) {
			t.Errorf("%s: %q, under the runtime %q", c.name, answers[0], answers[1])
		}
	}
}

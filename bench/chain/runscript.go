//go:build linux && (amd64 || arm64)

package chain

// Measured: the run script of a service that is set up by three links: as a script of a
// shell, as one of execline, and as a chain file, for which run is a link to catena.
//
// Not measured: a shell that does more than to exec a chain; supervise, which starts run.

import (
	"fmt"
	"os"
	"strings"

	"catena/bench/stage"
)

const (
	runScript = "a run script: envdir setuidgid softlimit"
	chainFile = "catena, a chain file"
	shOurs    = "catena, by sh"
	shTheirs  = "daemontools, by sh"
	execline  = "s6, by execline"
)

const runLinks = "envdir ./env setuidgid " + account + " softlimit -m " + memory

// writeScripts makes the ways of writing a run script.
func (s *bench) writeScripts() error {
	s6 := "s6-envdir ./env s6-setuidgid " + account + " s6-softlimit -m " + memory
	for name, text := range map[string]string{
		"script":   fmt.Sprintf("#!/bin/sh\nexec %s %s\n", runLinks, s.Noop()),
		"execline": fmt.Sprintf("#!/usr/bin/execlineb -P\n%s %s\n", s6, s.Noop()),
		"chain":    strings.Join(append(strings.Fields(runLinks), s.Noop()), "\n") + "\n",
	} {
		if err := os.WriteFile(s.Dir+"/"+name, []byte(text), 0o755); err != nil {
			return err
		}
	}
	return os.Symlink("bin/catena", s.Dir+"/run")
}

// runScripts starts each of them as supervise would.
func (s *bench) runScripts() []chain {
	script, ours := []string{s.Dir + "/script"}, s.Bin+":"+stage.SystemPath
	return []chain{
		{group: runScript, maker: chainFile, path: ours, argv: []string{s.Dir + "/run"}},
		{group: runScript, maker: shOurs, path: ours, argv: script, dynamic: 1},
		{group: runScript, maker: shTheirs, path: stage.SystemPath, argv: script, needs: programs(runLinks), dynamic: 4},
		{group: runScript, maker: execline, path: stage.SystemPath, argv: []string{s.Dir + "/execline"},
			needs: strings.Fields("execlineb s6-envdir s6-setuidgid s6-softlimit"), dynamic: 4},
	}
}

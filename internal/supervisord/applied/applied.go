// Package applied is the file applied.json of a run directory: the configuration from which the
// service directories were made, and what supervisord was started with.
package applied

import (
	"encoding/json"
	"os"
	"path/filepath"

	"catena/internal/supervisord/compile"
	"catena/internal/supervisord/config"
)

// A State is what was applied.
type State struct {
	config.Config                      // its groups are those in use
	Args          []string             `json:"argv"`         // the command line of supervisord, without its name
	Launched      string               `json:"launched_in"`  // the working directory of that
	Around        compile.Surroundings `json:"surroundings"` // what the services find
}

const name = "applied.json"

// Read reads the state of a run directory.
func Read(run string) (*State, error) {
	text, err := os.ReadFile(filepath.Join(run, name))
	if err != nil {
		return nil, err
	}
	s := &State{}
	return s, json.Unmarshal(text, s)
}

// Write writes the state into a run directory, which must be there.
func (s *State) Write(run string) error {
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	return Replace(filepath.Join(run, name), append(text, '\n'), 0o600)
}

// Replace writes a file whole, under another name first.
func Replace(file string, text []byte, mode os.FileMode) error {
	if err := os.WriteFile(file+".new", text, mode); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

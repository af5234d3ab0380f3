package svscan

import (
	"catena/internal/bare"
	"catena/internal/service"
)

// An entry is a service that svscan has seen, with the supervisors of it and of its
// log.
type entry struct {
	used   bool
	there  bool // its directory is there
	other  bool // and another one has its name by now
	id     bare.Identity
	seen   bool  // by the scan that is under way
	known  bool  // whether it has a log directory
	logged bool  // and has one
	begin  int64 // before which it is not looked into, since boot in ns
	pipe   int32 // both ends of the pipe to the log; -1 if there is none
	ending bool  // it is for reading only, so that the log comes to its end
	unread int32 // what was in it when the log was started for the rest, in bytes
	until  int64 // when to give up starting it, since boot in ns; 0 if it is not to be started
	of     [2]supervisor
	size   uint8       // of the name
	path   bare.Buffer // the name and "/log"; the next entry in this place uses it again
}

// The supervisors of an entry.
const (
	main = iota
	log
)

// supervisor is a process that svscan keeps alive, or a part of svscan itself.
type supervisor struct {
	pid     int32 // 0 if it does not run, or unknown, or inside
	process int32 // a pidfd, of one that was found running; -1 otherwise
	place   int32 // in package supervise, of one that is inside
	started int64 // since boot in ns
	passing int64 // since when somebody has its lock who is no supervisor, likewise; or 0
	told    int64 // when it was told to stop, likewise; 0 if it was not
	clear   bool  // while everything stops: it has left no process
}

// What stands for a pid.
const (
	unknown = -1 // it holds its lock and cannot be watched
	inside  = -2 // it is svscan
)

func (s *supervisor) running() bool { return s.pid != 0 }

func (e *entry) name() string { return e.path.String()[:e.size] }

// dir is the directory of the service, or of its log.
func (e *entry) dir(which int) string {
	if which == log {
		return e.path.String()
	}
	return e.name()
}

// standard is the end of the pipe that the supervisor of the service, or of its log, gets.
func (e *entry) standard(which int) int {
	switch {
	case !e.logged:
		return service.NoPipe
	case which == log:
		return service.PipeOfLog
	}
	return service.PipeToLog
}

// services is every service that has been seen, in places that are used again.
var services bare.Table[entry]

// places finds a name's place, plus one: a hash table with open addressing, at
// least twice as long as services.
var places bare.Table[uint32]

// hash is FNV-1a.
func hash(name string) uint32 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return h
}

// find is the entry of a name, or nil.
func find(name string) *entry {
	if places.Len() == 0 {
		return nil
	}
	for i := int(hash(name)) & (places.Len() - 1); *places.At(i) != 0; i = (i + 1) & (places.Len() - 1) {
		if e := services.At(int(*places.At(i)) - 1); !e.other && e.name() == name {
			return e
		}
	}
	return nil
}

// free is a place below which there is none that is free.
var free int

// add makes an entry; nil means that there is no memory.
func add(name string, id bare.Identity) *entry {
	for free < services.Len() && services.At(free).used {
		free++
	}
	place := free
	if !services.Grow(place + 1) {
		return nil
	}
	if 2*services.Len() > places.Len() {
		if !places.Grow(max(64, 2*places.Len())) {
			return nil
		}
		rehash()
	}
	e := services.At(place)
	path := e.path
	path.Cut(0)
	if !path.Append(name) || !path.Append("/"+service.Log) {
		return nil
	}
	*e = entry{used: true, there: true, id: id, size: uint8(len(name)), path: path, pipe: -1}
	e.of[main].process, e.of[log].process = -1, -1
	insert(place)
	return e
}

// remove forgets an entry.
func remove(e *entry) {
	if e.pipe >= 0 {
		bare.Close(int(e.pipe))
	}
	*e = entry{path: e.path}
	free = 0
	rehash()
}

func rehash() {
	for i := range places.Len() {
		*places.At(i) = 0
	}
	for i := range services.Len() {
		if services.At(i).used {
			insert(i)
		}
	}
}

func insert(place int) {
	i := int(hash(services.At(place).name())) & (places.Len() - 1)
	for *places.At(i) != 0 {
		i = (i + 1) & (places.Len() - 1)
	}
	*places.At(i) = uint32(place) + 1
}

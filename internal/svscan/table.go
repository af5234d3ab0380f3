package svscan

import "catena/internal/bare"

// nameMax is the longest name of a file, in bytes: NAME_MAX.
const nameMax = 255

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
	size   uint8
	pipe   int32 // both ends of the pipe to the log; -1 if there is none
	of     [2]supervisor
	text   [nameMax]byte
}

// The supervisors of an entry.
const (
	main = iota
	log
)

// supervisor is a process that svscan keeps alive.
type supervisor struct {
	pid     int32 // 0 if it does not run, or unknown
	process int32 // a pidfd, of one that was found running; -1 otherwise
	started int64 // since boot in ns
	told    int64 // when it was told to stop, likewise; 0 if it was not
}

func (s *supervisor) running() bool { return s.pid != 0 }

func (e *entry) name() string { return bare.TextOf(e.text[:e.size]) }

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

// add makes an entry; nil means that there is no memory.
func add(name string, id bare.Identity) *entry {
	place := 0
	for place < services.Len() && services.At(place).used {
		place++
	}
	if place == services.Len() && !services.Grow(place+1) {
		return nil
	}
	if 2*services.Len() > places.Len() {
		if !places.Grow(max(64, 2*places.Len())) {
			return nil
		}
		rehash()
	}
	e := services.At(place)
	*e = entry{used: true, there: true, id: id, size: uint8(len(name)), pipe: -1}
	copy(e.text[:], name)
	e.of[main].process, e.of[log].process = -1, -1
	insert(place)
	return e
}

// remove forgets an entry.
func remove(e *entry) {
	if e.pipe >= 0 {
		bare.Close(int(e.pipe))
	}
	*e = entry{}
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

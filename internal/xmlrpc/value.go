package xmlrpc

import "fmt"

// A Value is one of: nil, bool, int64, float64, string, []byte, DateTime, Array, Struct.
type Value any

// An Array holds values in their order.
type Array []Value

// A Struct holds members in the order in which they were written.
type Struct []Member

// A Member of a struct is a value that has a name.
type Member struct {
	Name  string
	Value Value
}

// DateTime is a time as XML-RPC writes it, as 20060102T15:04:05. It has no time zone.
type DateTime string

// Get returns the value of a member, or nil if there is no such member.
func (s Struct) Get(name string) Value {
	for i := range s {
		if s[i].Name == name {
			return s[i].Value
		}
	}
	return nil
}

// Text returns a member that is a string, and an empty string for any other.
func (s Struct) Text(name string) string {
	text, _ := s.Get(name).(string)
	return text
}

// Int returns a member that is an int, and 0 for any other.
func (s Struct) Int(name string) int64 {
	n, _ := s.Get(name).(int64)
	return n
}

// A Fault is what a server answers in place of a result.
type Fault struct {
	Code int64
	Text string
}

func (f *Fault) Error() string { return fmt.Sprintf("fault %d: %s", f.Code, f.Text) }

package xmlrpc

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A reader makes values of the elements of a document. It is the machine of Python's
// xmlrpc.client: values go on a stack, and the end of an array or a struct takes those that lie
// above its mark.
type reader struct {
	scanner
	stack   []Value
	marks   []int
	inValue bool // the last tag was the start of a value, which is a string if no tag follows
	kind    string
	method  string
	names   map[string]Value
}

// ReadCall reads a call of a method.
func ReadCall(doc []byte) (method string, params []Value, err error) {
	r := reader{scanner: scanner{doc: doc}}
	if err := r.read(); err != nil {
		return "", nil, err
	}
	if r.method == "" || r.kind == "fault" {
		return "", nil, errors.New("not the call of a method")
	}
	return r.method, r.stack, nil
}

// ReadResponse reads the result of a call. A fault comes as an error of type *[Fault].
func ReadResponse(doc []byte) (Value, error) {
	r := reader{scanner: scanner{doc: doc}}
	if err := r.read(); err != nil {
		return nil, err
	}
	switch {
	case r.kind == "params" && len(r.stack) == 1:
		return r.stack[0], nil
	case r.kind != "fault" || len(r.stack) == 0:
		return nil, errors.New("not the response to a call")
	}
	members, _ := r.stack[0].(Struct)
	code, isInt := members.Get("faultCode").(int64)
	text, isString := members.Get("faultString").(string)
	if !isInt || !isString {
		return nil, errors.New("a fault without a code or a text")
	}
	return nil, &Fault{Code: code, Text: text}
}

func (r *reader) read() error {
	if err := r.scan(r); err != nil {
		return err
	}
	if r.kind == "" {
		return errors.New("neither a call nor a response")
	}
	return nil
}

// local is a name without the prefix of its namespace: Apache writes <ex:nil/>.
func local(name []byte) []byte { return name[bytes.LastIndexByte(name, ':')+1:] }

func (r *reader) start(name []byte) error {
	switch string(local(name)) {
	case "array", "struct":
		r.marks = append(r.marks, len(r.stack))
		r.inValue = false
	case "value":
		r.inValue = true
	case "nil", "boolean", "i1", "i2", "i4", "i8", "int", "biginteger", "double", "float", "bigdecimal",
		"string", "name", "base64", "dateTime.iso8601", "params", "fault", "methodName":
		r.inValue = false
	default:
		if r.inValue {
			return fmt.Errorf("an unknown type <%s>", name)
		}
	}
	return nil
}

func (r *reader) end(name []byte) error {
	name = local(name)
	switch string(name) {
	case "params", "fault":
		r.kind = string(name)
		return nil
	case "methodName":
		r.kind, r.method = "methodName", string(r.text)
		return nil
	case "value":
		if !r.inValue {
			return nil
		}
	}
	v, isValue, err := r.value(name)
	if !isValue || err != nil {
		return err
	}
	r.inValue = false
	r.stack = append(r.stack, v)
	return nil
}

// value makes a value of an element that ends. Most elements are none.
func (r *reader) value(tag []byte) (v Value, isValue bool, err error) {
	switch string(tag) {
	case "string", "value":
		return string(r.text), true, nil
	case "name":
		return r.name(), true, nil
	case "i1", "i2", "i4", "i8", "int", "biginteger":
		n, err := strconv.ParseInt(strings.TrimSpace(string(r.text)), 10, 64)
		return n, true, err
	case "boolean":
		if s := string(r.text); s != "0" && s != "1" {
			return nil, true, errors.New("bad boolean value")
		}
		return r.text[0] == '1', true, nil
	case "double", "float", "bigdecimal":
		f, err := strconv.ParseFloat(strings.TrimSpace(string(r.text)), 64)
		if errors.Is(err, strconv.ErrRange) {
			err = nil // it is infinite or 0 then, as for Python
		}
		return f, true, err
	case "array":
		values := r.aboveMark()
		return append(Array{}, values...), true, nil
	case "struct":
		v, err := members(r.aboveMark())
		return v, true, err
	case "base64":
		data, err := decodeBase64(r.text)
		return data, true, err
	case "dateTime.iso8601":
		return DateTime(strings.TrimSpace(string(r.text))), true, nil
	case "nil":
		return nil, true, nil
	}
	return nil, false, nil
}

// name is the name of a member. The structs of a list have the same names: each is kept once.
func (r *reader) name() Value {
	if kept, is := r.names[string(r.text)]; is {
		return kept
	}
	name := Value(string(r.text))
	if r.names == nil {
		r.names = make(map[string]Value)
	}
	r.names[name.(string)] = name
	return name
}

// aboveMark takes from the stack what an array or a struct holds.
func (r *reader) aboveMark() []Value {
	last := len(r.marks) - 1
	mark := r.marks[last]
	r.marks = r.marks[:last]
	values := r.stack[mark:]
	r.stack = r.stack[:mark]
	return values
}

// members makes a struct of names and values. Of members of the same name, the last one counts,
// in the place of the first.
func members(list []Value) (Struct, error) {
	if len(list)%2 != 0 {
		return nil, errors.New("a struct that has a name without a value")
	}
	const few = 32 // of more members, a map finds those of the same name
	var places map[string]int
	if len(list) > 2*few {
		places = make(map[string]int)
	}
	s := make(Struct, 0, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		name, ok := list[i].(string)
		if !ok {
			return nil, errors.New("a member of a struct whose name is no string")
		}
		if place := s.place(name, places); place >= 0 {
			s[place].Value = list[i+1]
			continue
		}
		if places != nil {
			places[name] = len(s)
		}
		s = append(s, Member{Name: name, Value: list[i+1]})
	}
	return s, nil
}

// place is where a member is, or -1. The map may be nil.
func (s Struct) place(name string, places map[string]int) int {
	if places != nil {
		if place, ok := places[name]; ok {
			return place
		}
		return -1
	}
	for i := range s {
		if s[i].Name == name {
			return i
		}
	}
	return -1
}

// decodeBase64 skips what is no character of the alphabet, as Python does.
func decodeBase64(text []byte) ([]byte, error) {
	clean := make([]byte, 0, len(text))
	for _, c := range text {
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=' {
			clean = append(clean, c)
		}
	}
	n, err := base64.StdEncoding.Decode(clean, clean)
	return clean[:n], err
}

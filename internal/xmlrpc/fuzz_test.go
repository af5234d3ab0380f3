// Not tested here: whether Python reads and writes the same; test/xmlrpc_test.go runs Python.
package xmlrpc

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

var documents = []string{
	"", "<", "<a", "<a/>", "<?xml version='1.0'?>\n<methodCall>\n<methodName>a.b</methodName>\n<params>\n</params>\n</methodCall>\n",
	"<methodCall><methodName>m</methodName><params><param><value>x &amp; &#x41;\r\n</value></param><param><value><i4> -5 </i4></value></param></params></methodCall>",
	"<methodResponse><params><param><value><array><data><value><boolean>1</boolean></value><value><nil/></value></data></array></value></param></params></methodResponse>",
	"<methodResponse><params><param><value><struct><member><name>a</name><value><double>1e5</double></value></member></struct></value></param></params></methodResponse>",
	"<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>1</int></value></member><member><name>faultString</name><value><string>X</string></value></member></struct></value></fault></methodResponse>",
	"<params><param><value><base64>\naGVs\nbG8=\n</base64></value></param></params>",
	"<params><![CDATA[<&]]><!-- c --><a b=\"c\" d='e'></a></params >", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
}

// tags notes what a scanner calls.
type tags struct {
	s     *scanner
	calls []string
}

func (n *tags) start(name []byte) error {
	n.calls = append(n.calls, "<"+string(name))
	return nil
}

func (n *tags) end(name []byte) error {
	n.calls = append(n.calls, string(n.s.text)+"</"+string(name))
	return nil
}

// byLibrary scans a document with encoding/xml, and tells whether that takes it.
func byLibrary(doc []byte) (calls []string, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	text, depth, roots := "", 0, 0
	full := func(n xml.Name) string { return strings.TrimPrefix(n.Space+":"+n.Local, ":") }
	var open []string
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			return calls, depth == 0 && roots == 1
		}
		if err != nil {
			return nil, false
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
			text, open = "", append(open, full(token.Name))
			calls = append(calls, "<"+full(token.Name))
		case xml.EndElement:
			if depth == 0 || open[depth-1] != full(token.Name) {
				return nil, false
			}
			depth--
			open = open[:depth]
			calls = append(calls, text+"</"+full(token.Name))
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(token)) > 0 {
				return nil, false
			}
			text += string(token)
		case xml.Directive:
			return nil, false
		}
		if depth > deepest {
			return nil, false
		}
	}
}

func FuzzWhatTheLibraryTakesIsScannedAlike(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		want, ok := byLibrary(doc)
		s := scanner{doc: doc}
		n := tags{s: &s}
		err := s.scan(&n)
		if ok && (err != nil || !reflect.DeepEqual(n.calls, want)) {
			t.Fatalf("%q: %v\n%q\nwant\n%q", doc, err, n.calls, want)
		}
	})
}

// What has been read can be written, and is then read again as it was.
func FuzzWhatIsReadIsTheSameAfterAnotherRound(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := ReadResponse(doc)
		var text []byte
		if fault := new(Fault); errors.As(err, &fault) {
			text = AppendFault(nil, fault)
		} else if err != nil {
			return
		} else if text, err = AppendResponse(nil, v); err != nil {
			return // numbers that are too large, and nil
		}
		again, err := ReadResponse(text)
		if fault := new(Fault); errors.As(err, &fault) {
			return
		}
		if second, _ := AppendResponse(nil, again); err != nil || !bytes.Equal(second, text) {
			t.Fatalf("%q: %v\n%q\n%q", doc, err, text, second)
		}
	})
}

func FuzzAnyTextArrives(f *testing.F) {
	for _, s := range []string{"", "a", "<&>]]>", "ä\n\t", "\x00\x1b[31m", "\xff\xfe", "\uFFFE"} {
		f.Add(s, int32(-1))
	}
	f.Fuzz(func(t *testing.T, s string, n int32) {
		text, err := AppendCall(nil, "a.b", s, int64(n), Struct{{Name: s, Value: Array{s}}})
		if err != nil {
			t.Fatal(err)
		}
		_, params, err := ReadCall(text)
		if err != nil || len(params) != 3 {
			t.Fatalf("%q: %v", text, err)
		}
		var want strings.Builder
		for _, c := range strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n") {
			if !isXML(c) {
				c = '\uFFFD'
			}
			want.WriteRune(c)
		}
		if got := params[0]; got != want.String() {
			t.Fatalf("%q became %q, want %q", s, got, want.String())
		}
	})
}

func TestADeepDocumentIsRefused(t *testing.T) {
	for _, n := range []int{90, 110, 1 << 18} {
		doc := []byte("<methodCall><methodName>a</methodName><params><param>" + strings.Repeat("<value><array><data>", n) + strings.Repeat("</data></array></value>", n) + "</param></params></methodCall>")
		if _, _, err := ReadCall(doc); (err == nil) != (n < deepest/3) {
			t.Errorf("%d arrays within one another: %v", n, err)
		}
	}
}

// statusOf200 is what a server answers about 200 programs.
func statusOf200(b *testing.B) []byte {
	b.Helper()
	var list Array
	for range 200 {
		s := Struct{}
		for _, name := range []string{"name", "group", "statename", "spawnerr", "logfile", "stdout_logfile", "stderr_logfile", "description"} {
			s = append(s, Member{name, "/var/log/supervisor/program-stdout---supervisor-9lx01yyh.log"})
		}
		for _, name := range []string{"start", "stop", "now", "state", "exitstatus", "pid"} {
			s = append(s, Member{name, int64(1796112092)})
		}
		list = append(list, s)
	}
	doc, err := AppendResponse(nil, list)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(doc)))
	return doc
}

func BenchmarkReadTheStatusOf200Programs(b *testing.B) {
	doc := statusOf200(b)
	for b.Loop() {
		if _, err := ReadResponse(doc); err != nil {
			b.Fatal(err)
		}
	}
}

// The same by encoding/xml, which makes no values yet.
func BenchmarkTokensOf200ProgramsByTheLibrary(b *testing.B) {
	doc := statusOf200(b)
	for b.Loop() {
		if _, ok := byLibrary(doc); !ok {
			b.Fatal("not taken")
		}
	}
}

package test

// XML-RPC as internal/xmlrpc reads and writes it is what Python reads and writes: each reads what
// the other has written, and writes it again as it was, and of rubbish both make the same.
//
// Not tested in this file: what is read here and not by Python, on purpose (the comment of the
// package lists that); any server.

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"catena/internal/xmlrpc"
)

// readAgain reads a document a line, in base64, and answers with what Python writes of its values.
const readAgain = `
import base64, sys, xmlrpc.client
for line in sys.stdin:
    try:
        values, method = xmlrpc.client.loads(base64.b64decode(line), use_builtin_types=False)
        if method is None and len(values) != 1: raise ValueError
        if method == '' : raise ValueError
        text = xmlrpc.client.dumps(values, method, methodresponse=method is None, allow_none=True)
    except xmlrpc.client.Fault as f:
        text = xmlrpc.client.dumps(f) if type(f.faultCode) is int and type(f.faultString) is str else ''
    except Exception as e:
        text = ''
    print(base64.b64encode(text.encode('utf-8', 'surrogatepass')).decode(), flush=True)
`

// python is a Python that answers each line with a line.
type python struct {
	to   io.WriteCloser
	from *bufio.Reader
}

func startPython(t *testing.T, program string) *python {
	t.Helper()
	need(t, "python3")
	cmd := exec.Command("python3", "-c", program)
	to, err := cmd.StdinPipe()
	must(err)
	from, err := cmd.StdoutPipe()
	must(err)
	must(cmd.Start())
	t.Cleanup(func() { to.Close(); endingInTime(cmd) })
	return &python{to, bufio.NewReader(from)}
}

// again is what Python makes of a document, or empty if it refuses it.
func (p *python) again(doc string) string {
	fmt.Fprintln(p.to, base64.StdEncoding.EncodeToString([]byte(doc)))
	line, err := p.from.ReadString('\n')
	must(err)
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	must(err)
	return string(text)
}

// ourAgain is the same by package xmlrpc.
func ourAgain(doc string) (string, error) {
	if method, params, err := xmlrpc.ReadCall([]byte(doc)); err == nil {
		text, err := xmlrpc.AppendCall(nil, method, params...)
		return string(text), err
	}
	value, err := xmlrpc.ReadResponse([]byte(doc))
	if fault := new(xmlrpc.Fault); errors.As(err, &fault) {
		return string(xmlrpc.AppendFault(nil, fault)), nil
	} else if err != nil {
		return "", err
	}
	text, err := xmlrpc.AppendResponse(nil, value)
	return string(text), err
}

// anyText has what stands in XML for something else, and characters of every length.
func anyText(r *rand.Rand) string {
	const alphabet = "ab <&>;]]>\n\t\"'ä€\U0001F600\\%"
	letters := []rune(alphabet)
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

func anyValue(r *rand.Rand, depth int) xmlrpc.Value {
	switch n := r.IntN(9); {
	case n < 2 && depth > 0:
		list := xmlrpc.Array{}
		for range r.IntN(4) {
			list = append(list, anyValue(r, depth-1))
		}
		return list
	case n < 4 && depth > 0:
		members := xmlrpc.Struct{}
		for i := range r.IntN(4) {
			members = append(members, xmlrpc.Member{Name: fmt.Sprint(i, anyText(r)), Value: anyValue(r, depth-1)})
		}
		return members
	case n == 4:
		return r.IntN(2) == 0
	case n == 5:
		return int64(int32(r.Uint32()))
	case n == 6:
		return [...]float64{0, 1, -1.5, 1e16, 123456789012345680, 1e-5, 0.0001, math.MaxFloat64, r.NormFloat64()}[r.IntN(9)]
	case n == 7:
		data := make([]byte, r.IntN(130))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		return data
	}
	return anyText(r)
}

func anyDocument(r *rand.Rand) string {
	var text []byte
	var err error
	switch r.IntN(4) {
	case 0:
		text, err = xmlrpc.AppendResponse(nil, anyValue(r, 3))
	case 1:
		text = xmlrpc.AppendFault(nil, &xmlrpc.Fault{Code: int64(r.IntN(100)), Text: anyText(r)})
	default:
		text, err = xmlrpc.AppendCall(nil, "supervisor.getPID", anyValue(r, 3), anyValue(r, 2))
	}
	must(err)
	return string(text)
}

func TestPythonReadsXMLRPCAndWritesTheSame(t *testing.T) {
	t.Parallel()
	p := startPython(t, readAgain)
	r := rand.New(rand.NewPCG(seedOf(t), 0))
	for range 500 {
		doc := anyDocument(r)
		if got := p.again(doc); got != doc {
			t.Fatalf("Python makes\n%s\nof\n%s", got, doc)
		}
		if got, err := ourAgain(doc); got != doc {
			t.Fatalf("%v: we make\n%s\nof\n%s", err, got, doc)
		}
	}
}

// pieces are what rubbish is made of.
var pieces = []string{"<value>", "</value>", "<int>", "</int>", "<i4>7</i4>", "<i8> +8 </i8>", "<boolean>1</boolean>", "<boolean>x</boolean>", "<nil/>", "<string>", "</string>",
	"<array><data>", "</data></array>", "<struct>", "</struct>", "<member>", "</member>", "<name>n</name>", "<double>1e3</double>", "<double>inf</double>", "<base64>aGk=</base64>",
	"<params>", "</params>", "<param>", "<fault>", "</fault>", "<methodName>x.y</methodName>", "<other>", "</other>", "<ex:nil/>", "<!-- c -->", "<![CDATA[<&]]>", "&lt;", "&#65;",
	"&#x41;", "&nope;", "text", " ", "5", "-", "\r\n", "<", ">", "&", "<value/>", "<a b='c' d=\"e\">", "</a>", "<?x?>"}

// Of a document into which something has been put, or of which something has been cut, both make
// the same, where Python makes anything.
func TestPythonReadsRubbishAsWeDo(t *testing.T) {
	t.Parallel()
	p := startPython(t, readAgain)
	r := rand.New(rand.NewPCG(seedOf(t), 0))
	taken := 0
	for range 4000 {
		doc := anyDocument(r)
		for range 1 + r.IntN(3) {
			at, piece := r.IntN(len(doc)+1), pieces[r.IntN(len(pieces))]
			switch r.IntN(3) {
			case 0:
				at += strings.IndexAny(doc[at:]+"<", "<")
				doc = doc[:at] + piece + doc[at:]
			case 1:
				doc = doc[:at] + piece + doc[at:]
			default:
				doc = doc[:at] + doc[min(len(doc), at+r.IntN(9)):]
			}
		}
		want := p.again(doc)
		if want == "" {
			continue
		}
		taken++
		got, err := ourAgain(doc)
		if got != want && !strings.Contains(want, "<nil/>") && !errors.As(err, new(base64.CorruptInputError)) {
			t.Fatalf("%v: we make\n%s\nof\n%s\nand Python makes\n%s", err, got, doc, want)
		}
	}
	t.Logf("Python took %d documents", taken)
}

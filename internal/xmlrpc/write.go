package xmlrpc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const declaration = "<?xml version='1.0'?>\n"

// What cannot be written. The words are Python's.
var (
	ErrOverflow = errors.New("int exceeds XML-RPC limits")
	ErrNil      = errors.New("cannot marshal None unless allow_none is enabled")
)

// AppendCall appends a call of a method to a text.
func AppendCall(text []byte, method string, params ...Value) ([]byte, error) {
	text = append(text, declaration+"<methodCall>\n<methodName>"...)
	text = append(text, method...)
	text = append(text, "</methodName>\n"...)
	text, err := appendParams(text, params)
	return append(text, "</methodCall>\n"...), err
}

// AppendResponse appends the result of a call to a text.
func AppendResponse(text []byte, result Value) ([]byte, error) {
	text, err := appendParams(append(text, declaration+"<methodResponse>\n"...), []Value{result})
	return append(text, "</methodResponse>\n"...), err
}

// AppendFault appends a fault to a text, in place of a response.
func AppendFault(text []byte, f *Fault) []byte {
	text = append(text, declaration+"<methodResponse>\n<fault>\n<value><struct>\n"...)
	text = append(text, "<member>\n<name>faultCode</name>\n<value><int>"...)
	text = strconv.AppendInt(text, f.Code, 10)
	text = append(text, "</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>"...)
	text = appendEscaped(text, f.Text)
	return append(text, "</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n"...)
}

func appendParams(text []byte, params []Value) ([]byte, error) {
	var failed error
	text = append(text, "<params>\n"...)
	for _, v := range params {
		text = append(text, "<param>\n"...)
		var err error
		if text, err = appendValue(text, v); err != nil {
			failed = err
		}
		text = append(text, "</param>\n"...)
	}
	return append(text, "</params>\n"...), failed
}

func appendValue(text []byte, v Value) ([]byte, error) {
	switch v := v.(type) {
	case bool:
		bit := byte('0')
		if v {
			bit = '1'
		}
		return append(append(append(text, "<value><boolean>"...), bit), "</boolean></value>\n"...), nil
	case int64:
		if v < math.MinInt32 || v > math.MaxInt32 {
			return text, ErrOverflow
		}
		text = strconv.AppendInt(append(text, "<value><int>"...), v, 10)
		return append(text, "</int></value>\n"...), nil
	case float64:
		text = appendDouble(append(text, "<value><double>"...), v)
		return append(text, "</double></value>\n"...), nil
	case string:
		text = appendEscaped(append(text, "<value><string>"...), v)
		return append(text, "</string></value>\n"...), nil
	case []byte:
		text = appendBase64(append(text, "<value><base64>\n"...), v)
		return append(text, "</base64></value>\n"...), nil
	case DateTime:
		text = appendEscaped(append(text, "<value><dateTime.iso8601>"...), string(v))
		return append(text, "</dateTime.iso8601></value>\n"...), nil
	case Array:
		return appendArray(text, v)
	case Struct:
		return appendStruct(text, v)
	case nil:
		return text, ErrNil
	}
	return text, fmt.Errorf("cannot marshal %T objects", v)
}

func appendArray(text []byte, list Array) ([]byte, error) {
	text = append(text, "<value><array><data>\n"...)
	for _, v := range list {
		var err error
		if text, err = appendValue(text, v); err != nil {
			return text, err
		}
	}
	return append(text, "</data></array></value>\n"...), nil
}

func appendStruct(text []byte, members Struct) ([]byte, error) {
	text = append(text, "<value><struct>\n"...)
	for _, m := range members {
		text = appendEscaped(append(text, "<member>\n<name>"...), m.Name)
		text = append(text, "</name>\n"...)
		var err error
		if text, err = appendValue(text, m.Value); err != nil {
			return text, err
		}
		text = append(text, "</member>\n"...)
	}
	return append(text, "</struct></value>\n"...), nil
}

// appendDouble writes a number as Python's repr does: the shortest text that is read as the
// same number, with an exponent only below 1e-4 and from 1e16.
func appendDouble(text []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(text, "inf"...)
	case math.IsInf(v, -1):
		return append(text, "-inf"...)
	case math.IsNaN(v):
		return append(text, "nan"...)
	}
	if abs := math.Abs(v); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(text, v, 'e', -1, 64)
	}
	start := len(text)
	text = strconv.AppendFloat(text, v, 'f', -1, 64)
	if !strings.Contains(string(text[start:]), ".") {
		text = append(text, ".0"...)
	}
	return text
}

// appendBase64 writes lines of 76 characters, each with its newline.
func appendBase64(text, data []byte) []byte {
	const bytesOfLine = 57
	for len(data) > 0 {
		line := data[:min(bytesOfLine, len(data))]
		text = append(base64.StdEncoding.AppendEncode(text, line), '\n')
		data = data[len(line):]
	}
	return text
}

// appendEscaped writes what stands between tags. A character that XML cannot hold, and a byte
// that is no UTF-8, become U+FFFD: nobody could read the text otherwise.
func appendEscaped(text []byte, s string) []byte {
	done := 0
	for i := 0; i < len(s); {
		c, size := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(s[i:])
		}
		instead := ""
		switch {
		case c == '&':
			instead = "&amp;"
		case c == '<':
			instead = "&lt;"
		case c == '>':
			instead = "&gt;"
		case !isXML(c), c == utf8.RuneError && size == 1:
			instead = "\uFFFD"
		}
		if instead != "" {
			text = append(append(text, s[done:i]...), instead...)
			done = i + size
		}
		i += size
	}
	return append(text, s[done:]...)
}

// isXML tells whether an XML document may hold a character.
func isXML(c rune) bool {
	return c >= ' ' && c != 0xFFFE && c != 0xFFFF || c == '\t' || c == '\n' || c == '\r'
}

package xmlrpc

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// deepest is how many elements may stand within one another. An array or a struct takes three.
const deepest = 300

// A scanner goes through the elements of a document. It knows what XML-RPC uses of XML: tags,
// whose attributes it skips, texts with references, CDATA, comments and processing instructions.
type scanner struct {
	doc  []byte
	at   int      // what is read next
	open [][]byte // the names of the elements that are open
	text []byte   // what stood between tags since the last start of an element
	root bool     // the outermost element has begun
}

// What the scanner calls at the tags of an element. The text of the scanner is then complete.
type handler interface {
	start(name []byte) error
	end(name []byte) error
}

var errEnd = errors.New("the document ends too early")

// scan reads a whole document.
func (s *scanner) scan(h handler) error {
	if err := s.document(h); err != nil {
		line := 1 + bytes.Count(s.doc[:s.at], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	}
	return nil
}

func (s *scanner) document(h handler) error {
	if bytes.HasPrefix(s.doc, []byte("\uFEFF")) {
		s.at = len("\uFEFF")
	}
	for s.at < len(s.doc) {
		var err error
		if s.doc[s.at] == '<' {
			err = s.markup(h)
		} else {
			err = s.takeText()
		}
		if err != nil {
			return err
		}
	}
	if !s.root || len(s.open) > 0 {
		return errEnd
	}
	return nil
}

// markup reads what begins with "<".
func (s *scanner) markup(h handler) error {
	rest := s.doc[s.at:]
	switch {
	case bytes.HasPrefix(rest, []byte("<?")):
		_, err := s.upTo("?>", len("<?"))
		return err
	case bytes.HasPrefix(rest, []byte("<!--")):
		_, err := s.upTo("-->", len("<!--"))
		return err
	case bytes.HasPrefix(rest, []byte("<![CDATA[")) && len(s.open) > 0:
		text, err := s.upTo("]]>", len("<![CDATA["))
		if err != nil {
			return err
		}
		return s.addText(text)
	case bytes.HasPrefix(rest, []byte("<!")):
		return errors.New("a DOCTYPE or the like is not taken")
	case bytes.HasPrefix(rest, []byte("</")):
		return s.endTag(h)
	}
	return s.startTag(h)
}

// upTo returns what stands between here, where some bytes are skipped, and an end. The end is
// taken as well.
func (s *scanner) upTo(end string, skipped int) ([]byte, error) {
	rest := s.doc[s.at+skipped:]
	n := bytes.Index(rest, []byte(end))
	if n < 0 {
		return nil, errEnd
	}
	s.at += skipped + n + len(end)
	return rest[:n], nil
}

func (s *scanner) startTag(h handler) error {
	s.at++
	name := s.name()
	switch {
	case len(name) == 0:
		return errors.New("a < that begins no tag")
	case s.root && len(s.open) == 0:
		return errors.New("a second element behind the outermost one")
	case len(s.open) >= deepest:
		return fmt.Errorf("more than %d elements within one another", deepest)
	}
	empty, err := s.attributes()
	if err != nil {
		return err
	}
	s.root = true
	s.text = s.text[:0]
	if err := h.start(name); err != nil {
		return err
	}
	if empty {
		return h.end(name)
	}
	s.open = append(s.open, name)
	return nil
}

func (s *scanner) endTag(h handler) error {
	s.at += len("</")
	name := s.name()
	s.blanks()
	if s.at >= len(s.doc) {
		return errEnd
	}
	last := len(s.open) - 1
	if s.doc[s.at] != '>' || last < 0 || !bytes.Equal(s.open[last], name) {
		return fmt.Errorf("</%s> ends no element", name)
	}
	s.at++
	s.open = s.open[:last]
	return h.end(name)
}

// attributes skips to the end of a tag, and tells whether the tag is an element without content.
func (s *scanner) attributes() (empty bool, err error) {
	for {
		blank := s.blanks()
		switch {
		case s.at >= len(s.doc):
			return false, errEnd
		case s.doc[s.at] == '>':
			s.at++
			return false, nil
		case bytes.HasPrefix(s.doc[s.at:], []byte("/>")):
			s.at += len("/>")
			return true, nil
		case !blank || len(s.name()) == 0:
			return false, errors.New("a tag that does not end")
		}
		s.blanks()
		if s.at+1 >= len(s.doc) || s.doc[s.at] != '=' {
			return false, errors.New("an attribute without a value")
		}
		s.at++
		s.blanks()
		if s.at >= len(s.doc) || s.doc[s.at] != '"' && s.doc[s.at] != '\'' {
			return false, errors.New("the value of an attribute is not in quotes")
		}
		value, err := s.upTo(string(s.doc[s.at:s.at+1]), 1)
		if err != nil {
			return false, err
		}
		if bytes.IndexByte(value, '<') >= 0 {
			return false, errors.New("a < in the value of an attribute")
		}
	}
}

// name takes the name of an element or an attribute. It is empty if there is none.
func (s *scanner) name() []byte {
	start := s.at
	for s.at < len(s.doc) {
		c := s.doc[s.at]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == ':' || c >= utf8.RuneSelf
		if !letter && (s.at == start || !('0' <= c && c <= '9' || c == '.' || c == '-')) {
			break
		}
		s.at++
	}
	return s.doc[start:s.at]
}

// blanks skips blanks, and tells whether there were any.
func (s *scanner) blanks() bool {
	start := s.at
	for s.at < len(s.doc) && isBlank(s.doc[s.at]) {
		s.at++
	}
	return s.at > start
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// takeText reads up to the next tag.
func (s *scanner) takeText() error {
	text := s.doc[s.at:]
	if n := bytes.IndexByte(text, '<'); n >= 0 {
		text = text[:n]
	}
	if len(s.open) == 0 {
		if len(bytes.Trim(text, " \n\t\r")) > 0 {
			return errors.New("a text outside of all elements")
		}
		s.at += len(text)
		return nil
	}
	for len(text) > 0 {
		n := bytes.IndexByte(text, '&')
		if n < 0 {
			s.at += len(text)
			return s.addText(text)
		}
		if err := s.addText(text[:n]); err != nil {
			return err
		}
		s.at += n
		taken, err := s.reference(text[n:])
		if err != nil {
			return err
		}
		s.at += taken
		text = text[n+taken:]
	}
	return nil
}

// addText adds to the text what has no references. Every end of a line becomes a newline.
func (s *scanner) addText(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("a text that is no UTF-8")
	}
	for {
		n := bytes.IndexByte(text, '\r')
		if n < 0 {
			s.text = append(s.text, text...)
			return nil
		}
		s.text = append(append(s.text, text[:n]...), '\n')
		text = bytes.TrimPrefix(text[n+1:], []byte("\n"))
	}
}

// reference adds the character that a reference stands for, and returns how long that is.
func (s *scanner) reference(text []byte) (int, error) {
	end := bytes.IndexByte(text, ';')
	if end < 0 {
		return 0, errors.New("a & that begins no reference")
	}
	name := string(text[1:end])
	switch name {
	case "amp":
		s.text = append(s.text, '&')
	case "lt":
		s.text = append(s.text, '<')
	case "gt":
		s.text = append(s.text, '>')
	case "quot":
		s.text = append(s.text, '"')
	case "apos":
		s.text = append(s.text, '\'')
	default:
		c, ok := number(name)
		if !ok {
			return 0, fmt.Errorf("an unknown reference &%.20s;", name)
		}
		s.text = utf8.AppendRune(s.text, c)
	}
	return end + 1, nil
}

// number reads the character of "#27" or "#x1b".
func number(name string) (rune, bool) {
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	base, digits := 10, name[1:]
	if digits[0] == 'x' {
		base, digits = 16, digits[1:]
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && n > 0 && utf8.ValidRune(rune(n))
}

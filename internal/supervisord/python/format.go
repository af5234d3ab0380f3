package python

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Names are what %(name)s may stand for: strings, and ints.
type Names map[string]any

// With returns the names with others added, which count before them.
func (n Names) With(others Names) Names {
	all := maps.Clone(n)
	maps.Copy(all, others)
	return all
}

// missing is a name that nothing is known of.
type missing string

func (m missing) Error() string { return Repr(string(m)) }

// Expand fills in the names in a text. what is the key that has the text, for the message.
func Expand(text string, names Names, what string) (string, error) {
	result, err := format(text, names)
	if name := missing(""); errors.As(err, &name) {
		return "", fmt.Errorf("Format string %s for %s contains names (%s) which cannot be expanded. Available names: %s",
			Repr(text), Repr(what), Repr(string(name)), strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	}
	if err != nil {
		return "", fmt.Errorf("Format string %s for %s is badly formatted: %v", Repr(text), Repr(what), err)
	}
	return result, nil
}

// A conversion is what stands between a percent sign and the letter that ends it.
type conversion struct {
	name             string
	named            bool
	flags            string
	width, precision int // -1 if there is none
	letter           rune
}

// A formatter goes through a format string.
type formatter struct {
	text []rune
	at   int
}

// format does what the operator % of a string does with a dictionary.
func format(text string, names Names) (string, error) {
	var b strings.Builder
	f := formatter{text: []rune(text)}
	used := false // a name was looked up, and nothing is left for a conversion without one
	for f.at < len(f.text) {
		if c := f.text[f.at]; c != '%' {
			b.WriteRune(c)
			f.at++
			continue
		}
		f.at++
		if f.at < len(f.text) && f.text[f.at] == '%' {
			b.WriteByte('%')
			f.at++
			continue
		}
		c, err := f.conversion()
		if err != nil {
			return "", err
		}
		var value any = names
		if c.named {
			var is bool
			if value, is = names[c.name]; !is {
				return "", missing(c.name)
			}
		}
		if err := f.rest(&c); err != nil {
			return "", err
		}
		if !c.named && used {
			return "", errors.New("not enough arguments for format string")
		}
		used = true
		shown, err := c.show(value, f.at-1)
		if err != nil {
			return "", err
		}
		b.WriteString(shown)
	}
	return b.String(), nil
}

// conversion reads the name behind a percent sign, if there is one. Parentheses in it come in
// pairs.
func (f *formatter) conversion() (c conversion, err error) {
	if f.at == len(f.text) || f.text[f.at] != '(' {
		return c, nil
	}
	from, depth := f.at+1, 0
	for ; f.at < len(f.text); f.at++ {
		switch f.text[f.at] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			c.name, c.named = string(f.text[from:f.at]), true
			f.at++
			return c, nil
		}
	}
	return c, errors.New("incomplete format key")
}

// rest reads what follows the name: flags, width, precision, a size that means nothing, and
// the letter.
func (f *formatter) rest(c *conversion) (err error) {
	for f.at < len(f.text) && strings.ContainsRune("-+ #0", f.text[f.at]) {
		c.flags += string(f.text[f.at])
		f.at++
	}
	c.width, c.precision = -1, -1
	if c.width, err = f.number(c.width); err != nil {
		return err
	}
	if f.at < len(f.text) && f.text[f.at] == '.' {
		f.at++
		if c.precision, err = f.number(0); err != nil {
			return err
		}
	}
	if f.at < len(f.text) && strings.ContainsRune("hlL", f.text[f.at]) {
		f.at++
	}
	if f.at == len(f.text) {
		return errors.New("incomplete format")
	}
	c.letter = f.text[f.at]
	f.at++
	return nil
}

// number reads a number of digits.
func (f *formatter) number(without int) (int, error) {
	const most = 10000 // nobody pads to that, and no memory is spent on it
	if f.at < len(f.text) && f.text[f.at] == '*' {
		return 0, errors.New("* wants int")
	}
	n, is := 0, false
	for ; f.at < len(f.text) && '0' <= f.text[f.at] && f.text[f.at] <= '9'; f.at++ {
		n, is = n*10+int(f.text[f.at]-'0'), true
		if n > most {
			return 0, errors.New("width too big")
		}
	}
	if !is {
		return without, nil
	}
	return n, nil
}

// show converts a value. at is where the letter stands in the format string.
func (c *conversion) show(value any, at int) (string, error) {
	switch c.letter {
	case 's', 'r':
		text, isText := value.(string)
		if n, is := value.(int); is {
			text = strconv.Itoa(n)
		} else if !isText {
			return "", errors.New("a name in parentheses is missing behind a %")
		}
		if c.letter == 'r' && isText {
			text = Repr(text)
		}
		if c.precision >= 0 {
			text = string([]rune(text)[:min(c.precision, len([]rune(text)))])
		}
		if strings.Contains(c.flags, "-") {
			return fmt.Sprintf("%-*s", c.width, text), nil
		}
		return fmt.Sprintf("%*s", max(c.width, 0), text), nil
	case 'd', 'i', 'u', 'x', 'X', 'o':
		n, is := value.(int)
		if !is {
			kind := "dict"
			if _, isText := value.(string); isText {
				kind = "str"
			}
			if strings.ContainsRune("xXo", c.letter) {
				return "", fmt.Errorf("%%%c format: an integer is required, not %s", c.letter, kind)
			}
			return "", fmt.Errorf("%%%c format: a real number is required, not %s", c.letter, kind)
		}
		return c.integer(n), nil
	case 'a', 'c', 'e', 'E', 'f', 'F', 'g', 'G':
		return "", fmt.Errorf("%%%c is not supported here", c.letter)
	}
	shown := c.letter
	if shown < 32 || shown > 126 {
		shown = '?'
	}
	return "", fmt.Errorf("unsupported format character '%c' (0x%x) at index %d", shown, c.letter, at)
}

// integer shows a number. Python pads with zeros to the width, to the precision, or to both.
func (c *conversion) integer(n int) string {
	base, prefix := 10, ""
	switch c.letter {
	case 'x', 'X':
		base, prefix = 16, "0"+string(c.letter)
	case 'o':
		base, prefix = 8, "0o"
	}
	digits := strconv.FormatInt(int64(n), base)
	sign := ""
	switch {
	case n < 0:
		sign, digits = "-", digits[1:]
	case strings.Contains(c.flags, "+"):
		sign = "+"
	case strings.Contains(c.flags, " "):
		sign = " "
	}
	if c.letter == 'X' {
		digits = strings.ToUpper(digits)
	}
	if base != 10 && strings.Contains(c.flags, "#") {
		sign += prefix
	}
	zeros := c.precision
	left := strings.Contains(c.flags, "-")
	if strings.Contains(c.flags, "0") && !left {
		zeros = max(zeros, c.width-len(sign))
	}
	if zeros > len(digits) {
		digits = strings.Repeat("0", zeros-len(digits)) + digits
	}
	if left {
		return fmt.Sprintf("%-*s", max(c.width, 0), sign+digits)
	}
	return fmt.Sprintf("%*s", max(c.width, 0), sign+digits)
}

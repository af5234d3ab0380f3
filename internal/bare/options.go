package bare

import "unsafe"

// Options reads a command line as daemontools' subgetopt does: flags may be
// bundled, an option's value is the rest of its word or the next word, whatever
// that looks like, and the options end before the first word that does not begin
// with "-", before a lone "-", and after a word that begins with "--".
type Options struct {
	Letter byte // the option that Next found, or '?' if its value is missing

	words   Words
	letters string
	word    int     // being read
	at      int     // the byte within it; 0 at the start of a word
	value   uintptr // of Letter, or 0
	missing byte    // the option whose value is missing
}

// Options reads the options of the running tool. Letters are the known ones,
// each followed by ":" if it takes a value.
func (p *Process) Options(letters string) Options {
	return Options{words: p.Args, letters: letters, word: 1}
}

// Next finds the next option, known or not: a tool hands what it does not know
// to Refuse. False means that there are no more.
func (o *Options) Next() bool {
	arg := o.words.At(o.word)
	if o.at > 0 && o.at == len(arg) {
		o.word, o.at = o.word+1, 0
		arg = o.words.At(o.word)
	}
	if o.at == 0 {
		if len(arg) < 2 || arg[0] != '-' {
			return false
		}
		if arg[1] == '-' {
			o.word++
			return false
		}
		o.at = 1
	}
	o.Letter = arg[o.at]
	o.at++
	o.value = 0
	if !o.takesValue() {
		return true
	}
	if o.at < len(arg) {
		o.value = word(o.words.at+uintptr(o.word)*wordSize) + uintptr(o.at)
	} else if o.word++; o.word < o.words.n {
		o.value = word(o.words.at + uintptr(o.word)*wordSize)
	} else {
		o.missing, o.Letter = o.Letter, '?'
		return true
	}
	o.word, o.at = o.word+1, 0
	return true
}

func (o *Options) takesValue() bool {
	i := Index(o.letters, o.Letter)
	return o.Letter != ':' && i+1 < len(o.letters) && o.letters[i+1] == ':'
}

// Value is the value of the option that Next found, empty if it takes none.
func (o *Options) Value() string {
	if o.value == 0 {
		return ""
	}
	return textAt(o.value)
}

// Rest is what follows the options, once Next has returned false.
func (o *Options) Rest() Words { return o.words.From(o.word) }

// Refuse says what is wrong with the option that Next found, under the name that
// the tool was called by, and how the tool is called.
func (o *Options) Refuse(p *Process) Exit {
	put(Base(p.Args.At(0)))
	if o.missing != 0 {
		put(": option requires an argument -- ")
		o.Letter = o.missing
	} else {
		put(": illegal option -- ")
	}
	put(unsafe.String(&o.Letter, 1))
	flush()
	return p.Usage()
}

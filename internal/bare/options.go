package bare

import "unsafe"

// Options reads a command line as daemontools' subgetopt does. Several letters may stand in
// one word. The value of an option is the rest of its word, or the next word, whatever that
// looks like. The options end before the first word that does not begin with "-", before a
// lone "-", and after a word that begins with "--".
type Options struct {
	Letter byte // the option that Next found, or '?' if its value is missing

	words   Words
	letters string
	own     bool    // daemontools' tool has no options: a word such as --bogus is refused
	word    int     // index of the word that is being read
	at      int     // index of the byte in that word; 0 at the start of a word
	value   uintptr // address of the value of Letter, or 0
	missing byte    // the option whose value is missing
}

// Options begins to read the options of the running tool. Letters are the options that it
// knows; a ":" follows those that take a value.
func (p *Process) Options(letters string) Options {
	return Options{words: p.Args, letters: letters, word: 1}
}

// OwnOptions is Options for a tool that has no options in daemontools. In daemontools'
// tools that have some, a longer word that begins with "--" ends the options. Here it is an
// unknown option.
func (p *Process) OwnOptions(letters string) Options {
	o := p.Options(letters)
	o.own = true
	return o
}

// Next finds the next option, known or not. A tool hands an option that it does not know to
// Refuse. False means that there are no more.
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
		if arg[1] == '-' && (len(arg) == 2 || !o.own) {
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

// Value is the value of the option that Next found; empty if it takes none.
func (o *Options) Value() string {
	if o.value == 0 {
		return ""
	}
	return textAt(o.value)
}

// Missing is the option whose value is missing, or 0.
func (o *Options) Missing() byte { return o.missing }

// Word is the word that has the option that Next found.
func (o *Options) Word() string { return o.words.At(o.word) }

// Rest is the words behind the options, once Next has returned false.
func (o *Options) Rest() Words { return o.words.From(o.word) }

// Refuse prints what is wrong with the option that Next found, and the usage of the tool.
// The first of these lines begins with the name that the tool was called by.
func (o *Options) Refuse(p *Process) Exit {
	if o.missing != 0 {
		return p.refuse(": option requires an argument -- ", o.missing)
	}
	return p.IllegalOption(o.Letter)
}

// IllegalOption is Refuse for a tool that reads its words without Options.
func (p *Process) IllegalOption(letter byte) Exit { return p.refuse(": illegal option -- ", letter) }

func (p *Process) refuse(what string, letter byte) Exit {
	put(Base(p.Args.At(0)))
	put(what)
	put(unsafe.String(&letter, 1))
	flush()
	return p.Usage()
}

package localtime

import "catena/internal/bare"

// The rules that TZ may have instead of a file.

// rule is a rule as POSIX has it: std offset [dst [offset] [,start[/time],end[/time]]].
// This package reads and applies rules as the GNU C library does, with its mistakes, and
// malformed rules as well. A rule that ends early holds as far as it was understood. The
// zero rule is UTC.
type rule struct {
	ahead   [2]int64 // seconds ahead of UTC: standard time, summer time
	changes [2]change
}

// Indexes of ahead and changes. A change to summer time is in standard time, and a change
// back is in summer time.
const (
	standard = iota
	summer
)

// change is a day in each year, and a time on that day.
type change struct {
	kind             kind
	month, week, day int
	time             int64 // seconds since midnight, in the local time before the change
}

// kind is the way in which a day is given.
type kind uint8

const (
	ofYear      kind = iota // n: counted from 0, with 29 February; also for a change that could not be read
	withoutLeap             // Jn: counted from 1, without 29 February
	weekday                 // Mm.w.d: a weekday of a week of a month
)

// The changes of a rule that has summer time and does not say when: those of the United
// States.
var byDefault = [2]change{
	{weekday, 3, 2, 0, 2 * 3600},
	{weekday, 11, 1, 0, 2 * 3600},
}

// parser reads a rule from its beginning to its end.
type parser struct {
	text bare.Text
	at   int
}

func (p *parser) rest() string { return p.text.String()[p.at:] }

// next is the next byte; 0 at the end.
func (p *parser) next() byte {
	if p.rest() == "" {
		return 0
	}
	return p.rest()[0]
}

// take steps over the next byte if that is c.
func (p *parser) take(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	return true
}

func parseRule(text string) (r rule) {
	p := parser{text: bare.Keep(text)}
	if !p.name() || !p.offset(&r, standard) {
		return rule{}
	}
	if p.next() == 0 {
		r.ahead[summer] = r.ahead[standard]
		return r
	}
	if p.name() {
		p.offset(&r, summer)
	}
	if p.change(&r.changes[standard], standard) {
		p.change(&r.changes[summer], summer)
	}
	return r
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// name reads the abbreviation of a time: three or more letters, or letters, digits and
// signs between < and >.
func (p *parser) name() bool {
	begun, n := p.at, 0
	for ; isLetter(p.next()); n++ {
		p.at++
	}
	if n >= 3 {
		return true
	}
	p.at, n = begun, 0
	if !p.take('<') {
		return false
	}
	for ; isLetter(p.next()) || isDigit(p.next()) || p.next() == '+' || p.next() == '-'; n++ {
		p.at++
	}
	if p.take('>') && n >= 3 {
		return true
	}
	p.at = begun
	return false
}

// offset reads how far local time is behind UTC, and stores how far it is ahead. Standard
// time must have an offset. Summer time without one is an hour ahead of standard time.
func (p *parser) offset(r *rule, which int) bool {
	if c := p.next(); which == standard && c != '+' && c != '-' && !isDigit(c) {
		return false
	}
	sign := int64(-1)
	if p.take('-') {
		sign = 1
	} else {
		p.take('+')
	}
	var t [3]int64
	if p.clock(&t) {
		r.ahead[which] = sign * (min(t[0], 24)*3600 + min(t[1], 59)*60 + min(t[2], 59))
		return true
	}
	r.ahead[summer] = r.ahead[standard] + 3600
	return which == summer
}

// clock reads hh[:mm[:ss]], and leaves parts that are missing as they are. It returns false
// if there is no hh.
func (p *parser) clock(t *[3]int64) bool {
	for i := range t {
		begun := p.at
		if i > 0 && !p.take(':') || !p.short(&t[i]) {
			p.at = begun
			return i > 0
		}
	}
	return true
}

// short reads what scanf(3) takes for an unsigned short: blanks, a sign, and digits. Only
// the last 16 bits of the value count.
func (p *parser) short(n *int64) bool {
	begun := p.at
	for p.next() == ' ' || '\t' <= p.next() && p.next() <= '\r' {
		p.at++
	}
	negative := p.take('-')
	if !negative {
		p.take('+')
	}
	value, digits := bare.Number(p.rest())
	if digits == 0 {
		p.at = begun
		return false
	}
	p.at += digits
	if negative && value != ^uint64(0) {
		value = -value
	}
	*n = int64(uint16(value))
	return true
}

// change reads a comma, then Mm.w.d, Jn or n, and "/time" if it is there. If there is a
// mistake, what stands before the mistake is kept.
func (p *parser) change(c *change, which int) bool {
	p.take(',')
	switch b := p.next(); {
	case b == 0:
		*c = byDefault[which]
		return true
	case b == 'M':
		if !p.weekday(c) {
			return false
		}
	case b == 'J', isDigit(b):
		if !p.dayOfYear(c) {
			return false
		}
	default:
		return false
	}
	if b := p.next(); b != 0 && b != ',' && b != '/' {
		return false
	}
	t := [3]int64{2, 0, 0}
	sign := int64(1)
	if p.take('/') {
		if p.next() == 0 {
			return false
		}
		if p.take('-') {
			sign = -1
		}
		p.clock(&t)
	}
	c.time = sign * (t[0]*3600 + t[1]*60 + t[2])
	return true
}

func (p *parser) weekday(c *change) bool {
	c.kind = weekday
	p.take('M')
	var n int64
	for i, into := range [...]*int{&c.month, &c.week, &c.day} {
		if i > 0 && !p.take('.') || !p.short(&n) {
			return false
		}
		*into = int(n)
	}
	return 1 <= c.month && c.month <= 12 && 1 <= c.week && c.week <= 5 && c.day <= 6
}

func (p *parser) dayOfYear(c *change) bool {
	c.kind = ofYear
	if p.take('J') {
		c.kind = withoutLeap
	}
	n, digits := bare.Number(p.rest())
	if digits == 0 || n > 365 || n == 0 && c.kind == withoutLeap {
		return false
	}
	c.day = int(n)
	p.at += digits
	return true
}

// at is the offset at a second. The rule holds since the second from, which is not later.
// The changes that count are those of the year in which the second is in UTC.
func (r *rule) at(second, from int64) Offset {
	year, _, _ := Civil(floor(second, Day))
	o := Offset{From: int64(Days(year, 1, 1)) * Day, Until: int64(Days(year+1, 1, 1)) * Day}
	start := r.changes[standard].in(year) - r.ahead[standard]
	end := r.changes[summer].in(year) - r.ahead[summer]
	for _, at := range [...]int64{start, end} {
		if at <= second {
			o.From = max(o.From, at)
		} else {
			o.Until = min(o.Until, at)
		}
	}
	o.From = max(o.From, from)
	isSummer := start <= second && second < end
	if start > end { // in the south summer begins late in the year
		isSummer = second < end || start <= second
	}
	o.Ahead = r.ahead[standard]
	if isSummer {
		o.Ahead = r.ahead[summer]
	}
	return o
}

// in is when the change comes in a year, in seconds of local time since the beginning of
// 1970. The C library lets all years before 1970 begin in 1970.
func (c *change) in(year int) int64 {
	first := Days(year, 1, 1)
	day := c.day
	switch c.kind {
	case withoutLeap:
		if day--; day >= 59 && Days(year, 3, 1)-Days(year, 2, 1) == 29 {
			day++
		}
	case weekday:
		month := Days(year, c.month, 1)
		next := Days(year, c.month+1, 1)
		const thursday = 4 // the weekday of day 0
		day = c.day - ((month+thursday)%7+7)%7
		if day < 0 {
			day += 7
		}
		for week := 1; week < c.week && month+day+7 < next; week++ {
			day += 7
		}
		day += month - first
	}
	return int64(max(first, 0)+day)*Day + c.time
}

package localtime

import "catena/internal/bare"

// rule is what POSIX has TZ say: std offset [dst [offset] [,start[/time],end[/time]]].
type rule struct {
	standard, summer int64 // seconds ahead of UTC
	dst              bool
	start, end       change
}

// change is a day of each year, and a time of it.
type change struct {
	kind             byte // 'M': a weekday of a week of a month; 'J': a day without 29 February; 'n': from 0 on, with it
	month, week, day int
	time             int64 // seconds since midnight, local time as it is before the change
}

// parser reads a rule from the front.
type parser struct {
	text bare.Text
	at   int
}

func (p *parser) rest() string { return p.text.String()[p.at:] }

// parseRule reads a rule; ok is false if it is none.
func parseRule(text string) (r rule, ok bool) {
	p := parser{text: bare.Keep(text)}
	if !p.name() || !p.offset(&r.standard) {
		return r, false
	}
	if p.rest() == "" {
		return r, true
	}
	if !p.name() {
		return r, false
	}
	r.dst, r.summer = true, r.standard+3600
	if p.rest() != "" && p.rest()[0] != ',' && !p.offset(&r.summer) {
		return r, false
	}
	if p.rest() == "" {
		p = parser{text: bare.Keep(",M3.2.0,M11.1.0")} // what the United States have, as the C library has it
	}
	return r, p.change(&r.start) && p.change(&r.end) && p.rest() == ""
}

// name reads the abbreviation of a time: letters, or anything between < and >.
func (p *parser) name() bool {
	n := 0
	if p.rest() != "" && p.rest()[0] == '<' {
		n = bare.Index(p.rest(), '>')
		if n == len(p.rest()) {
			return false
		}
		p.at += n + 1
		return n > 3
	}
	for n < len(p.rest()) && (p.rest()[n]|0x20 >= 'a' && p.rest()[n]|0x20 <= 'z') {
		n++
	}
	p.at += n
	return n >= 3
}

// offset reads how far local time is behind UTC, and gives how much it is ahead.
func (p *parser) offset(ahead *int64) bool {
	behind, ok := p.time()
	*ahead = -behind
	return ok
}

// time reads [+-]hh[:mm[:ss]], in seconds.
func (p *parser) time() (seconds int64, ok bool) {
	sign := int64(1)
	if p.rest() != "" && (p.rest()[0] == '+' || p.rest()[0] == '-') {
		if p.rest()[0] == '-' {
			sign = -1
		}
		p.at += 1
	}
	for unit := int64(3600); unit > 0; unit /= 60 {
		n, ok := p.number(0, 167)
		if !ok {
			return 0, false
		}
		seconds += int64(n) * unit
		if unit == 1 || p.rest() == "" || p.rest()[0] != ':' {
			break
		}
		p.at += 1
	}
	return sign * seconds, true
}

func (p *parser) number(least, most int) (n int, ok bool) {
	value, digits := bare.Number(p.rest())
	p.at += digits
	return int(value), digits > 0 && value >= uint64(least) && value <= uint64(most)
}

// change reads ",Mm.w.d", ",Jn" or ",n", and "/time" if it is there.
func (p *parser) change(c *change) bool {
	if len(p.rest()) < 2 || p.rest()[0] != ',' {
		return false
	}
	p.at += 1
	c.time = 2 * 3600
	ok := true
	switch p.rest()[0] {
	case 'M':
		c.kind = 'M'
		for i, part := range [...]struct {
			into        *int
			least, most int
		}{{&c.month, 1, 12}, {&c.week, 1, 5}, {&c.day, 0, 6}} {
			if i > 0 && (p.rest() == "" || p.rest()[0] != '.') || p.rest() == "" {
				return false
			}
			p.at += 1
			if *part.into, ok = p.number(part.least, part.most); !ok {
				return false
			}
		}
	case 'J':
		c.kind = 'J'
		p.at += 1
		c.day, ok = p.number(1, 365)
	default:
		c.kind = 'n'
		c.day, ok = p.number(0, 365)
	}
	if ok && p.rest() != "" && p.rest()[0] == '/' {
		p.at += 1
		c.time, ok = p.time()
	}
	return ok
}

// at is the offset at a second, which is not before from.
func (r *rule) at(second, from int64) Offset {
	if !r.dst {
		return Offset{r.standard, from, never}
	}
	year, _, _ := Civil(floor(second+r.standard, Day))
	o := Offset{r.standard, always, never}
	// The changes of the years around are all that can matter.
	for y := year - 1; y <= year+1; y++ {
		start := r.start.in(y) - r.standard
		end := r.end.in(y) - r.summer
		for _, c := range [...]struct{ at, ahead int64 }{{start, r.summer}, {end, r.standard}} {
			switch {
			case c.at <= second && c.at > o.From:
				o.From, o.Ahead = c.at, c.ahead
			case c.at > second && c.at < o.Until:
				o.Until = c.at
			}
		}
	}
	o.From = max(o.From, from)
	return o
}

// in is when the change is in a year, in seconds of local time since the beginning of
// 1970.
func (c *change) in(year int) int64 {
	first := Days(year, 1, 1)
	switch c.kind {
	case 'J':
		first += c.day - 1
		if c.day > 59 && Days(year, 3, 1)-Days(year, 2, 1) == 29 {
			first++
		}
	case 'n':
		first += c.day
	default:
		month := Days(year, c.month, 1)
		const thursday = 4 // that day 0 was
		weekday := ((month+thursday)%7 + 7) % 7
		first = month + (c.day-weekday+7)%7 + 7*(c.week-1)
		next := Days(year, c.month+1, 1)
		if c.month == 12 {
			next = Days(year+1, 1, 1)
		}
		for first >= next {
			first -= 7
		}
	}
	return int64(first)*Day + c.time
}

package localtime

// Dates and days.

// Day is the length of a day in seconds.
const Day = 24 * 60 * 60

// The calendar repeats every 400 years. If a year begins in March, its leap day is its last
// day, and the number of days before a month is a linear function of the month.
const (
	daysIn400  = 146097
	marchFirst = -719468 // 0000-03-01 in days since the beginning of 1970
)

// Civil is the date of a day in the Gregorian calendar. Days are counted since the
// beginning of 1970.
func Civil(days int64) (year, month, day int) {
	days -= marchFirst
	era := floor(days, daysIn400)
	of := days - era*daysIn400 // 0 to 146096
	y := (of - of/1460 + of/36524 - of/(daysIn400-1)) / 365
	d := int(of - (365*y + y/4 - y/100))
	m := (5*d + 2) / 153
	year, month, day = int(y+400*era), m+3, d-(153*m+2)/5+1
	if month > 12 {
		return year + 1, month - 12, day
	}
	return year, month, day
}

// Days is the day of a date, counted since the beginning of 1970.
func Days(year, month, day int) int {
	if month -= 3; month < 0 {
		month += 12
		year--
	}
	era := int(floor(int64(year), 400))
	y := year - 400*era
	return era*daysIn400 + 365*y + y/4 - y/100 + (153*month+2)/5 + day - 1 + marchFirst
}

// floor divides, and rounds down.
func floor(n, by int64) int64 {
	q := n / by
	if n%by < 0 {
		q--
	}
	return q
}

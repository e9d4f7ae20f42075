package lang

import (
	"strings"
	"time"
)

// Date is a time of which the day is said: "5 March 2026".
type Date time.Time

// months are looked up by time.Month.
var months = [...]Text{
	time.January: T("January"), time.February: T("February"), time.March: T("March"), time.April: T("April"),
	time.May: T("May"), time.June: T("June"), time.July: T("July"), time.August: T("August"),
	time.September: T("September"), time.October: T("October"), time.November: T("November"), time.December: T("December"),
}

// in is the date as the language writes it: its layout is a message of its own.
func (d Date) in(l *Language) string {
	t := time.Time(d)
	layout := l.Say(T("2 January 2006"))
	// The month goes in last, since a layout would take "Mai" apart.
	before, after, _ := strings.Cut(layout, "January")
	return t.Format(before) + l.Say(months[t.Month()]) + t.Format(after)
}

// Date says a date.
func (l *Language) Date(t time.Time) string { return Date(t).in(l) }

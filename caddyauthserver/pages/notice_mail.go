package pages

import (
	"time"

	"github.com/caddyito/caddyito/internal/lang"
)

// NoticeMail tells somebody of something that happened to their account, where, and
// what to do if it was not they, or nothing that they asked for.
type NoticeMail struct {
	Brand   string // of the server; may be empty
	Name    string // of the person
	Subject lang.Text
	What    lang.Text
	// ByOthers: somebody who administers did it. Where they sit is nobody's business.
	ByOthers bool
	// Browser, IP and At are by what it was done, and when.
	Browser lang.Text
	IP      string
	At      time.Time
	// Advice is what to do if it was not they, at Link.
	Advice lang.Text
	Link   string
}

// Where says by what it was done, and when.
func (m NoticeMail) Where() []lang.Text {
	when := lang.T("Time: %s, %s", lang.Date(m.At), m.At.Format("15:04 MST"))
	if m.ByOthers {
		return []lang.Text{when}
	}
	return []lang.Text{lang.T("Browser: %s", m.Browser), lang.T("Address: %s", m.IP), when}
}

func (NoticeMail) template() string { return "notice" }

func (m NoticeMail) subject() lang.Text { return m.Subject }

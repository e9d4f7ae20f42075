package webpage

import "github.com/caddyito/caddyito/internal/lang"

// Menu leads from page to page, where there are many of them.
type Menu struct {
	// Label says what it is a menu of.
	Label lang.Text
	Items []MenuItem
	// Who is signed in, and where they have what is their own.
	Who, AccountURL string
}

// MenuItem is an entry.
type MenuItem struct {
	Text    lang.Text
	URL     string
	Current bool // it is, or leads up to, the page that is shown
}

package webpage

// Brand is how pages look.
type Brand struct {
	// Name stands at the top of every page. Default: none.
	Name string `json:"name,omitempty"`
	// Logo is the path of an image file (SVG, PNG, JPEG, WebP, at most 256 KB),
	// which is embedded in the pages. Default: none.
	Logo string `json:"logo,omitempty"`
	// Accent is the colour of buttons and links, as "#rrggbb". Text on it is
	// black or white, whichever is readable. Default "#2563eb".
	Accent string `json:"accent,omitempty"`
	// FooterLinks stand at the foot of every page, and of mails; at most 12.
	// Default: none.
	FooterLinks []FooterLink `json:"footer_links,omitempty"`
}

// DefaultAccent is the accent of a Brand that names none.
const DefaultAccent = "#2563eb"

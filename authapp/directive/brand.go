package directive

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyito/caddyito/internal/webpage"
)

// Brand reads:
//
//	brand {
//		name   <text>
//		logo   <file>
//		accent <rrggbb>
//		footer_link <text> <url>
//	}
//
// The colour may have its # in front, if it is quoted: outside of quotes that
// would begin a comment. footer_link may be repeated.
func Brand(target *webpage.Brand) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if d.NextArg() {
			return d.ArgErr()
		}
		return Options(d, "brand", []Option{
			{Name: "name", Read: Text(&target.Name)},
			{Name: "logo", Read: Text(&target.Logo)},
			{Name: "accent", Read: func(d *caddyfile.Dispenser) error {
				if !d.NextArg() {
					return d.Errf(`accent needs a colour, as in: accent 2563eb (or "#2563eb" in quotes, since # begins a comment)`)
				}
				target.Accent = "#" + strings.TrimPrefix(d.Val(), "#")
				if d.NextArg() {
					return d.ArgErr()
				}
				return Wrap(d, CheckAccent(target.Accent))
			}},
			{Name: "footer_link", Repeatable: true, Read: func(d *caddyfile.Dispenser) error {
				args := d.RemainingArgs()
				if len(args) != 2 {
					return d.Errf("footer_link needs a text and a URL, as in: footer_link \"Privacy policy\" https://example.com/privacy")
				}
				target.FooterLinks = append(target.FooterLinks, webpage.FooterLink{Text: args[0], URL: args[1]})
				return Wrap(d, webpage.CheckFooter(target.FooterLinks))
			}},
		})
	}
}

// CheckBrand says what is wrong with a brand, apart from its logo, which is a file.
func CheckBrand(b *webpage.Brand) error {
	if err := CheckAccent(b.Accent); err != nil {
		return err
	}
	return webpage.CheckFooter(b.FooterLinks)
}

var accentGrammar = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// CheckAccent says what is wrong with a colour; empty is fine.
func CheckAccent(s string) error {
	if s != "" && !accentGrammar.MatchString(s) {
		return fmt.Errorf("accent: '%s' is not a colour such as #2563eb", s)
	}
	return nil
}

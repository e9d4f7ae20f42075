package gate

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ambiguous says whether software behind the gate might read the path
// otherwise than the gate does: as another path than the one that the rules
// were written for.
func ambiguous(u *url.URL) bool {
	p := u.Path
	if len(p) == 0 || p[0] != '/' {
		return true
	}
	ascii := true
	for i := range len(p) {
		switch c := p[i]; {
		case c >= utf8.RuneSelf:
			ascii = false
		case c < ' ' || c == 0x7f || c == '\\' || c == ';':
			return true
		case c == '%':
			// Decoded twice, this would be another path.
			if i+2 < len(p) && isHex(p[i+1]) && isHex(p[i+2]) {
				return true
			}
		case c == '/' && i+1 < len(p):
			rest := p[i+1:]
			if rest[0] == '/' || isDotSegment(rest) {
				return true
			}
		}
	}
	if !ascii && !utf8.ValidString(p) {
		return true
	}
	// In Path a slash that was written %2F looks like any other. All else that
	// can be encoded shows in Path and was looked at above.
	return u.RawPath != "" && hasEncodedSlash(u.RawPath)
}

func isDotSegment(s string) bool {
	if s[0] != '.' {
		return false
	}
	if len(s) > 1 && s[1] == '.' {
		s = s[1:]
	}
	return len(s) == 1 || s[1] == '/'
}

func hasEncodedSlash(raw string) bool {
	for i := 0; i+2 < len(raw); i++ {
		if raw[i] == '%' && raw[i+1] == '2' && raw[i+2]|0x20 == 'f' {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// pattern is a path, or all that begin with it.
type pattern struct {
	text   string
	prefix bool
}

func newPattern(s string) pattern {
	text, prefix := strings.CutSuffix(s, "*")
	return pattern{text, prefix}
}

func (p pattern) matches(path string) bool {
	if p.prefix {
		return strings.HasPrefix(path, p.text)
	}
	return path == p.text
}

// guards is matches for rules that restrict: it leaves no gap at the slash at
// the end, which much software takes or leaves. p and path are folded.
func (p pattern) guards(path string) bool {
	if p.matches(path) {
		return true
	}
	if p.prefix {
		return path+"/" == p.text
	}
	return path == p.text+"/" || path+"/" == p.text
}

// foldPath is path without the difference of case, by Unicode's simple folding.
func foldPath(path string) string {
	lower := true
	for i := range len(path) {
		if c := path[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			lower = false
			break
		}
	}
	if lower {
		return path
	}
	return strings.Map(func(c rune) rune {
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			return c
		}
		// The smallest of the letters that are one letter; for ASCII letters
		// that is the capital.
		least := c
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		if least >= 'A' && least <= 'Z' {
			least += 'a' - 'A'
		}
		return least
	}, path)
}

// Package ownprefix is the grammar of the prefix under which a server or a gate
// has its own paths. One grammar, so that what "caddy adapt" accepts also
// starts.
package ownprefix

import (
	"fmt"
	"strings"
)

// Check says what is wrong with s: it must be segments of letters, digits and
// - . _ ~ (RFC 3986 section 2.3: what no software encodes or decodes), each
// after a slash, none empty and none of dots that software would resolve.
func Check(s string) error {
	if !strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.Contains(s, "//") {
		return fmt.Errorf("prefix %s: must begin with a slash and not end with one, as in /auth", s)
	}
	for seg := range strings.SplitSeq(s[1:], "/") {
		if seg == "." || seg == ".." {
			return fmt.Errorf("prefix %s: must not have dot segments", s)
		}
	}
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/-._~", c) >= 0 {
			continue
		}
		return fmt.Errorf("prefix %s: only letters, digits and / - . _ ~ may stand in it", s)
	}
	return nil
}

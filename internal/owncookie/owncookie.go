// Package owncookie knows the cookies of gates and servers by their names, and
// takes them out of requests. All ports of a host share one jar (RFC 6265 section
// 8.5), also on https; so an app is sent them as well, and could use what it is
// sent as the person whose it is.
package owncookie

import "strings"

// Mark begins the names of the cookies of all gates and servers, perhaps after
// "__Host-".
const Mark = "caddyito-"

// Named says whether a cookie of that name is a gate's or a server's.
func Named(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, "__Host-"), Mark)
}

// In says whether a line of a Cookie header may hold such a cookie.
func In(line string) bool { return strings.Contains(line, Mark) }

// Next cuts the first name=value pair off a line.
func Next(line string) (pair, rest string) {
	if i := strings.IndexByte(line, ';'); i >= 0 {
		return line[:i], line[i+1:]
	}
	return line, ""
}

// Cut is the name and the value of a pair, as those who read cookies take them: a
// name alone is a cookie without a value.
func Cut(pair string) (name, value string) {
	name, value, _ = strings.Cut(pair, "=")
	return trim(name), trim(value)
}

// trim takes away what those who read cookies do.
func trim(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// AppendWithout appends the lines to kept, without the cookies whose names are to
// be removed, and without lines of which nothing is left. The other cookies stay
// as they are, byte for byte. kept may be lines[:0].
func AppendWithout(kept, lines []string, remove func(name string) bool) []string {
	for _, line := range lines {
		if line = without(line, remove); line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}

func without(line string, remove func(name string) bool) string {
	if !In(line) {
		return line
	}
	var kept []byte
	begun, removed := false, false
	for rest := line; len(rest) > 0; {
		var pair string
		pair, rest = Next(rest)
		if name, _ := Cut(pair); remove(name) {
			removed = true
			continue
		}
		if begun {
			kept = append(kept, ';')
		} else if removed {
			pair = strings.TrimLeft(pair, " \t")
		}
		if kept == nil {
			kept = make([]byte, 0, len(line))
		}
		kept = append(kept, pair...)
		begun = true
	}
	if !removed {
		return line
	}
	return string(kept)
}

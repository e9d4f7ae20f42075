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

// Without is the lines without the cookies whose names are to be removed, and without
// lines of which nothing is left; it says whether there were any. The other cookies stay
// as they are, byte for byte, and so do the lines that were given. remove is asked of
// every cookie that is in a line with one of a gate's or server's.
func Without(lines []string, remove func(name string) bool) (kept []string, removed bool) {
	for i, line := range lines {
		left, less := without(line, remove)
		if less && !removed {
			kept, removed = append(kept, lines[:i]...), true
		}
		if removed && left != "" {
			kept = append(kept, left)
		}
	}
	if !removed {
		return lines, false
	}
	return kept, true
}

func without(line string, remove func(name string) bool) (left string, removed bool) {
	if !In(line) {
		return line, false
	}
	var kept []byte
	begun := false
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
		return line, false
	}
	return string(kept), true
}

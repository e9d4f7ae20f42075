package gate

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caddyito/caddyito/store"
)

// Identity is who someone is, as the mirror says. It does not change (a change
// of the person makes another), so all their requests share it.
//
// It is one line of the processor's cache, 64 bytes; a test holds it to that.
type Identity struct {
	shape    *shape
	values   values  // those of the shape, and then the id
	verdicts *[]bool // of the policy's rules; shared with others
	// related: the identity holds values of objects, and is true only as long as
	// the mirror's objects are those of generation objects.
	objects uint64
	related bool
	// active: neither disabled nor deleted. An identity that is not is kept to
	// remember just that.
	active bool
	// partial: there are more values of objects than an identity holds.
	partial bool
	// It leaves the cache, too, when the mirror's record changed.
	held
}

var noShape shape

// unread stands for the identity of a subject that was not yet read: it is never
// current, and knows nothing but the id.
func unread(subject string) *Identity {
	id := &Identity{shape: &noShape, values: packValues([]string{subject})}
	id.leave()
	return id
}

func (id *Identity) key() store.Hash { return store.HashOf(id.ID()) }

// ID is the person's id at the issuer (its sub): for ever the same, and never
// another's.
func (id *Identity) ID() string { return id.values.at(len(id.shape.names)) }

// Value is a field as text: "id", "username", "email", "name", "groups" (with
// commas between), "is_staff", and so on; a relation is the id of its object,
// and "company.name" or "company.country.name" are fields of it. It is false
// for what the person does not have.
func (id *Identity) Value(name string) (string, bool) {
	i, ok := id.shape.index[name]
	if !ok {
		return "", false
	}
	return id.values.at(i), true
}

// Groups are sorted; the slice is the caller's.
func (id *Identity) Groups() []string {
	list, _ := id.Value("groups")
	if list == "" {
		return nil
	}
	return strings.Split(list, ",") // no group has a comma in it (identityBuilder.list)
}

// InGroup says whether the person is in a group of exactly that name.
func (id *Identity) InGroup(name string) bool {
	list, _ := id.Value("groups")
	for group := range strings.SplitSeq(list, ",") {
		if group == name {
			return name != ""
		}
	}
	return false
}

// mayHave says whether the person may have a value of that name although Value
// does not know it: of objects, not all are held where there are too many. The
// person's own are.
func (id *Identity) mayHave(name string) bool {
	return id.partial && strings.Contains(name, ".")
}

// Names are those of the fields that Value knows, sorted.
func (id *Identity) Names() []string { return slices.Sorted(slices.Values(id.shape.names)) }

// clean says whether s can stand in a header, or in one line of anything: a
// control character would end it, and space at its ends is taken away by some
// who read it, so that it would name someone else.
func clean(s string) bool {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
	}
	if !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	for _, c := range s {
		// The replacement character stands for bytes that were lost on the way:
		// two names may look alike by it.
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || c == utf8.RuneError {
			return false
		}
	}
	return true
}

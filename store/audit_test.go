package store

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAuditChanges(t *testing.T) {
	ann := &User{ID: 7, Version: 3, Username: "ann", Email: "a@example.com", IsActive: true, Fields: Fields{"company": Ref{"company", 1}, "badge": "x"}}
	after := ann.Clone()
	after.Version, after.LastLogin = 4, time.Now()
	if got := AuditChanges(ann, after); got != nil {
		t.Errorf("a sign-in changed %v", got)
	}
	after.Email, after.IsActive, after.Groups = "b@example.com", false, []string{"a", "b"}
	after.Fields = Fields{"company": Ref{"company", 2}}
	want := []AuditChange{{"badge", "x", ""}, {"company", "1", "2"}, {"email", "a@example.com", "b@example.com"}, {"groups", "", "a b"}, {"is_active", "true", ""}}
	if got := AuditChanges(ann, after); !reflect.DeepEqual(got, want) {
		t.Errorf("changed %v; want %v", got, want)
	}
	if got := AuditChanges((*User)(nil), &User{ID: 1, Username: "bob"}); !reflect.DeepEqual(got, []AuditChange{{"username", "", "bob"}}) {
		t.Errorf("a new user has %v", got)
	}
	a, b := &ClientSettings{RedirectURIs: []string{"https://a/cb"}}, &ClientSettings{RedirectURIs: []string{"https://a/cb", "https://b/cb"}, Public: true}
	want = []AuditChange{{"public", "", "true"}, {"redirect_uris", "https://a/cb", "https://a/cb https://b/cb"}}
	if got := AuditChanges(a, b); !reflect.DeepEqual(got, want) {
		t.Errorf("changed %v; want %v", got, want)
	}
	long := AuditChanges(&Object{}, &Object{Fields: Fields{"name": strings.Repeat("ä", 5000)}})
	if len(long) != 1 || len(long[0].New) > 600 || !strings.HasSuffix(long[0].New, "ä…") {
		t.Errorf("a long value is kept as %.20q...", long[0].New)
	}
}

// FuzzAuditCursor: what strangers put into the address of a page is a place or is
// refused.
func FuzzAuditCursor(f *testing.F) {
	for _, s := range []string{"", "1-2", "-1-2", "9223372036854775807-18446744073709551615", "x", "1-", "1-2-3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseAuditCursor(s)
		if err != nil {
			return
		}
		if again, err := ParseAuditCursor(c.String()); err != nil || again != c {
			t.Errorf("%q is %v and then %v, %v", s, c, again, err)
		}
	})
}

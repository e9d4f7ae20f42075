package integration

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

var keyOfApp = regexp.MustCompile(`id="key"[^>]*>([A-Z2-7 ]+)<`)

// rescue helps somebody who lost what they sign in with: their second factors are taken
// away, they get a password, and all of it is in their history. They are told by mail.
func (a adminJourney) rescue(t *testing.T) {
	bob := newPerson(t).open(a.b.server+"/o/login").signIn("bob", password).open(a.b.server + "/o/account/security/app")
	key := keyOfApp.FindStringSubmatch(bob.body)
	if key == nil {
		t.Fatalf("no key is on the page: %d\n%s", bob.status, bob.body)
	}
	code, err := totp.GenerateCode(strings.ReplaceAll(key[1], " ", ""), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	bob.submit(map[string]string{"otp": code, "name": "Bob's phone"})

	a.menu("users")
	a.Type("#q", "bob").Enter().Press("tbody a")
	a.Press("a[href$='/factors']").Shows("Take away the second factors of bob?", "Bob's phone", "recovery codes with them", "their password alone")
	a.Press(".actions .quiet").Shows("Take away second factors").Press("a[href$='/factors']")
	screenshot(t, a.ctx, "admin-user-factors")
	a.Press("#factors-submit").Shows("All second factors were taken away.", "Nowhere.")
	a.b.mail(t, "bob@example.com", "An administrator took away all second factors")

	const chosen = "three other words"
	a.Press("a[href$='/password']").Press(".actions .quiet").Press("a[href$='/password']")
	a.Type("#new_password", "password1").Type("#new_password_again", "password1").Enter().Await(`document.querySelector("[aria-invalid]")`).Shows("too easy to guess")
	a.Type("#new_password", chosen).Type("#new_password_again", chosen).Press("#password-submit").Shows("The password is set")
	text := a.b.mail(t, "bob@example.com", "An administrator set a new password")
	if strings.Contains(text, chosen) {
		t.Errorf("the mail tells the password:\n%s", text)
	}
	if in := newPerson(t).open(a.b.server+"/o/login").signIn("bob", chosen); in.url.Path != "/o" && in.url.Path != "/o/" {
		t.Errorf("with the password bob is at %s\n%s", in.url, in.body)
	}

	a.Press("a[href$='/history']").Shows("factor.add", "Bob's phone", "factor.reset", "password.set", "signin.success", "alice")
	a.Press(".pager a:last-of-type").Shows("Where they are signed in", "bob@example.com")
}

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
)

// All that people do with their own account takes no mouse and no script.
func TestBrowserKeyboardAccount(t *testing.T) {
	t.Parallel()
	b := startMailBox(t)
	k, ctx := keyboard(t, false)
	signIn(k.Open(b.asks("")), "bob", password).Press("button[value=allow]")
	k.Open(b.server + "/o/")

	// The name, and an address that counts once its link was followed.
	k.Press("a[href$='/account/profile']").Type("#first_name", "Bob").Type("#last_name", "Liddell").Enter().Shows("Saved.")
	k.Type("#email", "bob@example.org").Press("#profile-submit").Await(`document.querySelector("[aria-invalid], [role=alert]")`)
	k.Type("#email", "bob@example.org").Type("#current_password", password).Press("#profile-submit").Shows("A link is on its way to bob@example.org")
	k.Press("a.button").Shows("Bob Liddell", "bob@example.com")
	k.Open(link(t, b.mail(t, "bob@example.org", "/o/account/email?token="))).Press("#verify-submit").Shows("bob@example.org")
	if u := b.authJSON("", "user", "show", "bob"); u["email"] != "bob@example.org" || u["email_verified"] != true || u["first_name"] != "Bob" {
		t.Errorf("the account is %v", u)
	}

	// Another browser is signed out, one and all.
	for range 2 {
		newPerson(t).open(b.server+"/o/login").signIn("bob", password)
	}
	k.Open(b.server+"/o/").Press("a[href$='/sessions']").Shows("This browser", "Go-http-client").Press("button[name=session]").Press("#sign-out-others")
	if text := get(t, ctx, chromedp.Text(chromedp.CSS("main"))); strings.Contains(text, "Go-http-client") {
		t.Errorf("others are still signed in:\n%s", text)
	}
	k.Press("a.button")

	// An app has them no more.
	k.Press("a[href$='/apps']").Shows("The Asking Wiki").Press("button[name=client]").Shows("No app can use your account.").Press("a.button")

	// The password.
	const chosen = "another horse battery"
	k.Press("a[href$='/password']").Type("#current_password", "wrong").Type("#new_password", chosen).Type("#new_password_again", chosen).Enter().Await(`document.querySelector("[aria-invalid]")`)
	k.Type("#current_password", password).Type("#new_password", chosen).Type("#new_password_again", chosen).Press("#password-submit").Shows("Password changed").Press("a.button")

	// What one has besides: an app, its codes made anew, and away with it.
	k.Press("a[href$='/security']").Press("#add-app")
	code, err := totp.GenerateCode(strings.ReplaceAll(get(t, ctx, chromedp.Text(chromedp.CSS("#key"))), " ", ""), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	k.Type("#otp", code).Enter().Shows("Recovery codes").Press("#go-on")
	k.Press("#new-codes").Shows("wherever you keep them: 10.").Press(".actions .quiet").Press("#new-codes").Press("#codes-submit").Shows("Recovery codes").Press("#go-on")
	k.Press("a[href*='/remove']").Shows("Remove Authenticator app?", "nothing but your password").Press(".actions .quiet").Shows("10 of 10")
	k.Press("a[href*='/remove']").Press("#remove-submit").Shows("whoever learns your password cannot sign in")
	k.Press("a[href$='/o']")

	// What is known of them, in their hand and in their language.
	if data := k.Downloads("a[download]"); !strings.Contains(data, `"bob@example.org"`) {
		t.Errorf("one's own data are\n%s", data)
	}
	k.Press("a[href$='/language']").Press("button[value=de]").Shows("Sie sind angemeldet")
	k.Press("#logout-submit").Shows("Sie sind abgemeldet")
}

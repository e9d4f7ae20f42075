package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"github.com/caddyito/caddyito/store"
)

// Signing in, in all its ways, takes no mouse.
func TestBrowserKeyboardSignIn(t *testing.T) {
	t.Parallel()
	b := startMailBox(t)
	k, ctx := keyboard(t, true)

	// By name, by address, and after a mistake.
	k.Open(b.gate + "/a")
	signIn(k, "bob", "wrong").Await(`document.querySelector("[role=alert]")`)
	k.Type("#password", password).Tick("input[name=remember]").Enter().Await(at(b.gate + "/a"))
	k.Open(b.gate + "/oidc/logout")
	signIn(k, "bob@example.com", password).Await(at(b.gate + "/"))

	const chosen = "another horse battery"
	// Another browser: its owner is told. There somebody forgot the password.
	other, _ := keyboard(t, false)
	signIn(other.Open(b.server+"/o/login"), "bob", password).Shows("You are signed in").Press("#logout-submit").Shows("You are signed out")
	b.mail(t, "bob@example.com", "from a browser that we do not know")
	other.Press("a[href*='/login']").Press("a[href$='/forgot']").Press(".actions .quiet").Press("a[href$='/forgot']")
	other.Type("#username", "bob").Enter().Shows("Look into your mail")
	other.Open(link(t, b.mail(t, "bob@example.com", "/o/reset?token=")))
	other.Type("#new_password", chosen).Type("#new_password_again", "another horse").Enter().Await(`document.querySelector("[aria-invalid]")`)
	other.Type("#new_password", chosen).Type("#new_password_again", chosen).Press("#reset-submit").Shows("Password changed")
	signIn(other.Press("a[href*='/login']"), "bob", chosen).Shows("You are signed in")

	// Consent is refused, and given; then the app may have them no more.
	other.Open(b.asks("")).Shows("Allow The Asking Wiki?").Press("button[value=deny]").Await(`location.search.includes("error=access_denied")`)
	other.Open(b.asks("")).Press("button[value=allow]").Await(`location.search.includes("code=")`)
	other.Open(strings.Replace(b.asks(""), "asks", "closed", 1)).Shows("Not open to you", "The Closed Wiki").To("a.button")

	// Somebody else beside, at the same browser.
	signIn(other.Open(b.asks("&prompt=select_account")).Press("#add-account"), "alice", password).Press("button[value=allow]")
	other.Open(b.asks("&prompt=select_account")).Shows("Choose an account", "Alice Archer", "bob").To("li:last-child button").Keys(" ").Await(`location.search.includes("code=")`)
	other.Open(b.server + "/o/").Shows("bob@example.com")
	other.Open(b.server + "/o/logout").Press("#logout-everybody").Shows("You are signed out")

	// A device.
	b.auth("", "client", "create", "telly", "--name", "Living room telly", "--public", "--grant-type", store.GrantDevice)
	signIn(other.Open(b.server+"/o/device"), "bob", chosen)
	other.Type("#user_code", "bbbb bbbb").Enter().Await(`document.querySelector("[aria-invalid]")`)
	other.Type("#user_code", b.userCode(t)).Press("#device-submit").Shows("Living room telly").Press("button[value=deny]").Shows("is not connected")
	other.Open(b.server+"/o/device").Type("#user_code", b.userCode(t)).Enter().Press("button[value=allow]").Shows("is connected")

	// Disabled: as if the password were wrong; at the gate, which had them in, too.
	b.auth("", "user", "disable", "bob")
	waitFor(t, time.Minute, func() error {
		k.Open(b.gate + "/")
		if at := get(t, ctx, chromedp.Location()); !strings.HasPrefix(at, b.server+"/o/login") {
			return fmt.Errorf("who was disabled is at %s", at)
		}
		return nil
	})
	signIn(k, "bob", chosen).Await(`document.querySelector("[role=alert]")`)
}

// Second factors, too: they are made because the server asks for one, used, and used
// up, each in turn.
func TestBrowserKeyboardSecondFactor(t *testing.T) {
	t.Parallel()
	b := startMailBox(t)
	b.auth("", "user", "set", "bob", "groups=careful")
	k, ctx := keyboard(t, true)
	key := authenticator(t, ctx)
	deep := b.gate + "/deep?x=1"

	// An app, since there has to be something.
	signIn(k.Open(deep), "bob", password).Shows("This server asks for more than a password.").Press("#add-app")
	secret := strings.ReplaceAll(get(t, ctx, chromedp.Text(chromedp.CSS("#key"))), " ", "")
	used := map[string]bool{}
	code := func() string { // each code works once
		t.Helper()
		for _, d := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} {
			c, err := totp.GenerateCode(secret, time.Now().Add(d))
			if err != nil {
				t.Fatal(err)
			}
			if !used[c] {
				used[c] = true
				return c
			}
		}
		t.Fatal("no code is left")
		return ""
	}
	k.Type("#otp", "000000").Enter().Await(`document.querySelector("[role=alert]")`)
	k.Type("#otp", code()).Type("#name", "Phone").Press("#app-submit").Shows("Recovery codes")
	recovery := strings.Fields(get(t, ctx, chromedp.Text(chromedp.CSS(".codes"))))
	k.Press("#go-on").Await(at(deep))
	b.mail(t, "bob@example.com", "/o/account/security")

	// By its code, and by one for when it is lost.
	signIn(k.Open(b.gate+"/oidc/logout"), "bob", password).Type("#otp", "000000").Enter().Await(`document.querySelector("[role=alert]")`)
	k.Type("#otp", code()).Press("#otp-submit").Await(at(b.gate + "/"))
	signIn(k.Open(b.gate+"/oidc/logout"), "bob", password).Press("#use-recovery").Press("#use-code").Press("#use-recovery")
	k.Type("#otp", recovery[len(recovery)-1]).Enter().Await(at(b.gate + "/"))

	// A passkey besides, which wants a name.
	k.Open(b.server + "/o/account/security").Press("#add-passkey")
	k.Type("#name", "Laptop").To("#use-passkey").Keys("\r").Await(`location.pathname === "/o/account/security"`).Shows("Laptop", "9 of 10")
	do(t, ctx, present(key, false))
	signIn(k.Open(b.gate+"/oidc/logout"), "bob", password).To("#use-passkey")
	do(t, ctx, present(key, true))
	k.Keys("\r").Await(at(b.gate + "/"))

	// Alone: by the button with nobody there at first, and by the field, where the
	// browser has it at once.
	do(t, ctx, present(key, false))
	k.Open(b.gate + "/oidc/logout").To("#use-passkey")
	do(t, ctx, present(key, true))
	k.Keys(" ").Await(at(b.gate + "/"))
	k.Open(b.gate + "/oidc/logout").Await(at(b.gate + "/"))

	// An app that asks for more of somebody who has given a password.
	other, _ := keyboard(t, false)
	signIn(other.Open(b.asks("&max_age=0")), "alice", password).Shows("Allow The Asking Wiki?")
	other.Open(b.asks("&claims=" + url.QueryEscape(`{"id_token":{"acr":{"essential":true,"value":"2"}}}`))).Shows("This server asks for more than a password.")
}

// at is whether the browser is at that address.
func at(address string) string {
	return fmt.Sprintf(`location.href === %q && document.readyState === "complete"`, address)
}

// userCode is what a device shows that wants to be connected.
func (b *mailBox) userCode(t *testing.T) string {
	t.Helper()
	resp, err := http.PostForm(b.endpoint(t).DeviceAuthURL, url.Values{"client_id": {"telly"}, "scope": {"openid profile"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var codes struct {
		UserCode string `json:"user_code"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&codes); err != nil || codes.UserCode == "" {
		t.Fatalf("no code for a device: %s, %v", resp.Status, err)
	}
	return codes.UserCode
}

package integration

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
)

// authenticator gives the browser one that is built in, with a finger on it.
func authenticator(t *testing.T, ctx context.Context) (id webauthn.AuthenticatorID) {
	t.Helper()
	do(t, ctx, command(webauthn.Enable, webauthn.EnableParams{}), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		made, err := cdp.Call(ctx, target, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
				HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
			},
		})
		if err == nil {
			id = made.AuthenticatorID
		}
		return err
	}))
	return id
}

// present says whether somebody is at the authenticator.
func present(id webauthn.AuthenticatorID, is bool) chromedp.Action[chromedp.Void] {
	return command(webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: id, Enabled: is})
}

// looks keeps a page as it is on a phone and on a desktop, light and dark, and sees
// to it that it does not scroll sideways.
func looks(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	for _, look := range []struct {
		name, scheme  string
		width, height int64
	}{
		{"phone-light", "light", 390, 844}, {"phone-dark", "dark", 390, 844}, {"desktop-dark", "dark", 1280, 800}, {"desktop-light", "light", 1280, 800},
	} {
		do(t, ctx,
			chromedp.EmulateViewport(look.width, look.height),
			command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}),
		)
		screenshot(t, ctx, name+"-"+look.name)
		if get(t, ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
			t.Errorf("%s: %s scrolls sideways", look.name, name)
		}
	}
}

// Somebody who must have a second factor is led to it, makes a passkey, signs in by it
// alone from the list that the browser shows and by the button, adds an app, and signs
// in by password and code.
func TestBrowserSecondFactors(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	b := &box{app: startApp(t), server: "http://" + freeAddr(t), gate: "http://" + freeAddr(t)}
	b.caddy = startCaddy(t, strings.Replace(boxFile(b.server, b.gate, b.app.addr, ""), "auth_server", "auth_server {\n\t\trequire_second_factor group wiki\n\t}", 1))
	b.people()
	key := authenticator(t, browser)

	withPassword := []chromedp.Action[chromedp.Void]{
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		chromedp.SendKeys(chromedp.CSS("input[name=username]"), "alice"),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r"),
	}
	do(t, browser, chromedp.Navigate(b.gate+"/deep?x=1"))
	do(t, browser, withPassword...)
	do(t, browser, chromedp.WaitVisible(chromedp.CSS("#add-passkey")))
	shows(t, browser, "This server asks for more than a password.")
	looks(t, browser, "security-required")
	do(t, browser, chromedp.Click(chromedp.CSS("#add-passkey")), chromedp.WaitVisible(chromedp.CSS("#use-passkey")))
	looks(t, browser, "passkey-new")
	do(t, browser, chromedp.Click(chromedp.CSS("#use-passkey")), chromedp.WaitVisible(chromedp.CSS(".codes")))
	looks(t, browser, "recovery-codes")
	do(t, browser, chromedp.Click(chromedp.CSS("#go-on")), reaches(b.gate+"/deep?x=1"))
	shows(t, browser, `"Remote-User":["alice"]`)

	// By the button, with nobody at the authenticator until it is pressed.
	do(t, browser, present(key, false), chromedp.Navigate(b.gate+"/oidc/logout"), chromedp.WaitVisible(chromedp.CSS("#use-passkey")))
	looks(t, browser, "login-passkey")
	do(t, browser, present(key, true), chromedp.Click(chromedp.CSS("#use-passkey")), reaches(b.gate+"/"))
	shows(t, browser, `"Remote-User":["alice"]`)

	// From the list of the field: the browser has a finger on the authenticator as
	// soon as the page asks.
	do(t, browser, chromedp.Navigate(b.gate+"/oidc/logout"), reaches(b.gate+"/"))

	// An app, besides.
	do(t, browser, chromedp.Navigate(b.server+"/o/account/security"), chromedp.WaitVisible(chromedp.CSS("#add-app")))
	looks(t, browser, "security")
	do(t, browser, chromedp.Click(chromedp.CSS("#add-app")), chromedp.WaitVisible(chromedp.CSS("#key")))
	looks(t, browser, "app-new")
	secret := strings.ReplaceAll(get(t, browser, chromedp.Text(chromedp.CSS("#key"))), " ", "")
	code := func(d time.Duration) string {
		t.Helper()
		code, err := totp.GenerateCode(secret, time.Now().Add(d))
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	do(t, browser, chromedp.SendKeys(chromedp.CSS("#otp"), code(0)+"\r"), reaches(b.server+"/o/account/security"))
	shows(t, browser, "Authenticator app", "10 of 10")
	do(t, browser, chromedp.Click(chromedp.CSS("#new-codes")), chromedp.WaitVisible(chromedp.CSS("#codes-submit")))
	looks(t, browser, "recovery-codes-new")
	do(t, browser, chromedp.Navigate(b.server+"/o/account/security"), chromedp.Click(chromedp.CSS("a[href*='/remove']")), chromedp.WaitVisible(chromedp.CSS("#remove-submit")))
	looks(t, browser, "security-remove")

	// Password, then either.
	do(t, browser, present(key, false), chromedp.Navigate(b.gate+"/oidc/logout"))
	do(t, browser, withPassword...)
	do(t, browser, chromedp.WaitVisible(chromedp.CSS("#otp")))
	looks(t, browser, "second-factor")
	do(t, browser, chromedp.SendKeys(chromedp.CSS("#otp"), "000000\r"), chromedp.WaitVisible(chromedp.CSS("#error")))
	looks(t, browser, "second-factor-wrong")
	do(t, browser, chromedp.Click(chromedp.CSS("#use-recovery")), chromedp.WaitVisible(chromedp.CSS("input[name=recovery] ~ .field")))
	looks(t, browser, "second-factor-recovery")
	do(t, browser, chromedp.Click(chromedp.CSS("#use-code")), chromedp.WaitVisible(chromedp.CSS("#otp[inputmode=numeric]")),
		chromedp.SendKeys(chromedp.CSS("#otp"), code(30*time.Second)+"\r"), reaches(b.gate+"/")) // the one of now is used
	shows(t, browser, `"Remote-User":["alice"]`)

	// And the passkey as second factor.
	do(t, browser, chromedp.Navigate(b.gate+"/oidc/logout"))
	do(t, browser, withPassword...)
	do(t, browser, chromedp.WaitVisible(chromedp.CSS("#otp")), present(key, true), chromedp.Click(chromedp.CSS("#use-passkey")), reaches(b.gate+"/"))
	shows(t, browser, `"Remote-User":["alice"]`)

	// Who lost it all.
	b.caddy.auth("", "user", "factors", "list", "alice")
	if listed := b.caddy.authJSON("", "user", "factors", "list", "alice"); len(listed["factors"].([]any)) != 2 || listed["recovery_codes"] != 10.0 {
		t.Errorf("listed: %v", listed)
	}
	b.caddy.auth("", "user", "factors", "reset", "alice")
	if listed := b.caddy.authJSON("", "user", "factors", "list", "alice"); len(listed["factors"].([]any)) != 0 || listed["recovery_codes"] != 0.0 {
		t.Errorf("after the reset: %v", listed)
	}
	do(t, browser, present(key, false), chromedp.Navigate(b.server+"/o/account/security"), chromedp.WaitVisible(chromedp.CSS("#login-submit")))
}

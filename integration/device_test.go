package integration

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"golang.org/x/oauth2"

	"github.com/caddyito/caddyito/store"
)

// A device that nobody here wrote (golang.org/x/oauth2) gets its tokens while
// somebody types its code on a phone, without JavaScript.
func TestBrowserDevice(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	b := startBox(t, "")
	b.authJSON("", "client", "create", "telly", "--name", "Living room telly", "--public", "--grant-type", store.GrantDevice, "--grant-type", store.GrantRefresh)
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), oauth2.HTTPClient, http.DefaultClient))
	defer cancel()
	device := &oauth2.Config{ClientID: "telly", Scopes: []string{"openid", "profile", "offline_access"}, Endpoint: b.endpoint(t)}

	codes, err := device.DeviceAuth(ctx)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		*oauth2.Token
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		token, err := device.DeviceAccessToken(ctx, codes)
		answered <- answer{token, err}
	}()

	look := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			do(t, browser, command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))
			screenshot(t, browser, name+"-"+scheme)
		}
		if get(t, browser, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
			t.Errorf("%s scrolls sideways", name)
		}
	}
	do(t, browser,
		chromedp.EmulateViewport(360, 740),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}),
		chromedp.Navigate(codes.VerificationURI),
		chromedp.WaitVisible(chromedp.CSS("#login-submit")),
		chromedp.KeyEvent("alice\t"+password+"\r"),
		chromedp.WaitVisible(chromedp.CSS("#device-submit")),
	)
	look("device")
	do(t, browser,
		chromedp.KeyEvent("bbbb bbbb\r"), // the field has the focus
		chromedp.WaitVisible(chromedp.CSS("#user_code-problem")),
	)
	look("device-wrong")
	do(t, browser,
		chromedp.Navigate(codes.VerificationURI),
		chromedp.WaitVisible(chromedp.CSS("#device-submit")),
		chromedp.KeyEvent(strings.ToLower(strings.ReplaceAll(codes.UserCode, "-", " "))+"\r"),
		chromedp.WaitVisible(chromedp.CSS("button[name=decision][value=allow]")),
	)
	look("device-confirm")
	shows(t, browser, "Living room telly", codes.UserCode, "Alice Archer")
	do(t, browser,
		chromedp.Click(chromedp.CSS("button[name=decision][value=allow]")),
		chromedp.WaitNotPresent(chromedp.CSS("button[name=decision]")),
	)
	look("device-answered")
	shows(t, browser, "is connected")

	got := <-answered
	if got.err != nil {
		t.Fatal(got.err)
	}
	resp, err := device.Client(ctx, got.Token).Get(b.server + "/o/userinfo")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var who map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&who); err != nil || who["preferred_username"] != "alice" {
		t.Errorf("the device is signed in as %v, %v", who, err)
	}

	// The link of a QR code asks too. No is an answer, too.
	if codes, err = device.DeviceAuth(ctx); err != nil {
		t.Fatal(err)
	}
	do(t, browser,
		chromedp.Navigate(codes.VerificationURIComplete),
		chromedp.WaitVisible(chromedp.CSS("button[name=decision][value=deny]")),
	)
	shows(t, browser, codes.UserCode)
	do(t, browser,
		chromedp.Click(chromedp.CSS("button[name=decision][value=deny]")),
		chromedp.WaitNotPresent(chromedp.CSS("button[name=decision]")),
	)
	shows(t, browser, "is not connected")
	if _, err := device.DeviceAccessToken(ctx, codes); err == nil || !strings.Contains(err.Error(), "access_denied") {
		t.Errorf("after a no the device hears %v", err)
	}
}

// endpoint is where discovery says that a device asks.
func (b *box) endpoint(t *testing.T) oauth2.Endpoint {
	t.Helper()
	resp, err := http.Get(b.server + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var found struct {
		Device string `json:"device_authorization_endpoint"`
		Token  string `json:"token_endpoint"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil {
		t.Fatal(err)
	}
	return oauth2.Endpoint{DeviceAuthURL: found.Device, TokenURL: found.Token, AuthStyle: oauth2.AuthStyleInParams}
}

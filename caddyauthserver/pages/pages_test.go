package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

func newSet(t *testing.T, footer ...webpage.FooterLink) *Set {
	t.Helper()
	r, err := webpage.New(webpage.Brand{Name: "Acme", FooterLinks: footer})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// show are all pages, with x in every field that takes text.
func show(s *Set, x string) map[string]*httptest.ResponseRecorder {
	app := []string{"https://app.example/cb", x}
	out := map[string]*httptest.ResponseRecorder{}
	page := func(name string) *httptest.ResponseRecorder {
		out[name] = httptest.NewRecorder()
		return out[name]
	}
	s.Login(page("login"), 200, Login{Action: "/o/login", CSRF: x, Continue: x, ClientName: x, FormAction: app, LanguageURL: "/o/language"})
	s.Login(page("login, somebody else"), 200, Login{Action: "/o/login", CSRF: x, Continue: x, Add: true, Passkey: x, FormAction: app})
	s.Login(page("login again"), 401, Login{Action: "/o/login", CSRF: x, Continue: x, Username: x, Error: words(x), ClientName: x, FormAction: app})
	s.Consent(page("consent"), 200, Consent{Action: "/o/consent", CSRF: x, Request: x, ClientName: x, ClientOrigin: x, UserName: x, Scopes: []Scope{{x, words(x)}, {x, lang.Text{}}}, FormAction: app})
	s.Logout(page("logout"), 200, Logout{Action: "/o/logout", CSRF: x, Request: x, ClientName: x, UserName: x, FormAction: app})
	s.Logout(page("logout, several"), 200, Logout{Action: "/o/logout", CSRF: x, Request: x, UserName: x, More: true, FormAction: app})
	s.LoggedOut(page("logged out"), 200, LoggedOut{LinkText: words(x), LinkURL: x})
	s.LoggedOut(page("logged out, with frames"), 200, LoggedOut{LinkText: words(x), LinkURL: "https://app.example/x", GoOn: true, Frames: app})
	s.Accounts(page("accounts"), 200, Accounts{Action: "/o/accounts", CSRF: x, Continue: x, ClientName: x, AddURL: "/o/login", FormAction: app,
		Accounts: []Account{{x, x, x, x, true}, {x, x, x, "", false}}})
	s.Apps(page("apps"), 200, Apps{Action: "/o/account/apps", CSRF: x, HomeURL: "/o", Apps: []App{{ID: x, Name: x, Scopes: []Scope{{x, words(x)}, {x, lang.Text{}}}, Away: true}}})
	s.Sessions(page("sessions"), 200, Sessions{Action: "/o/account/sessions", CSRF: x, HomeURL: "/o", Sessions: []Session{{ID: x, Browser: words(x), IP: x}, {ID: x, Browser: words(x), Here: true}}})
	s.Forgot(page("forgot"), 200, Forgot{Action: "/o/forgot", CSRF: x, LoginURL: "/o/login"})
	s.Forgot(page("forgot again"), 429, Forgot{Action: "/o/forgot", CSRF: x, LoginURL: "/o/login", Error: words(x)})
	s.ForgotSent(page("forgot, sent"), 200, ForgotSent{LoginURL: "/o/login"})
	s.Forgot(page("forgot, in the log"), 200, Forgot{Action: "/o/forgot", CSRF: x, LoginURL: "/o/login", InLog: true})
	s.ForgotSent(page("forgot, logged"), 200, ForgotSent{LoginURL: "/o/login", InLog: true})
	s.Personal(page("name and e-mail, in the log"), 200, Personal{Action: "/o/account/profile", CSRF: x, HomeURL: "/o", Username: x, Email: x, MayChangeEmail: true, InLog: true, Unverified: true, SentTo: x})
	s.Reset(page("reset"), 200, Reset{Action: "/o/reset", CSRF: x, Token: x, Username: x})
	s.Reset(page("reset again"), 422, Reset{Action: "/o/reset", CSRF: x, Token: x, Username: x, Problems: map[string]lang.Text{"": words(x), "new_password": words(x), "new_password_again": words(x)}})
	s.ResetDone(page("reset, done"), 200, ResetDone{LoginURL: "/o/login"})
	s.ResetDone(page("reset, the first is saved"), 200, ResetDone{First: true, LoginURL: "/o/login"})
	s.Setup(page("setup"), 200, Setup{Action: "/o/setup", CSRF: x, Token: x, AskCompany: true})
	s.Setup(page("setup again"), 422, Setup{Action: "/o/setup", CSRF: x, Token: x, Username: x, Email: x, Company: x, AskCompany: true,
		Problems: map[string]lang.Text{"": words(x), "username": words(x), "email": words(x), "company": words(x), "password": words(x)}})
	s.Home(page("home"), 200, Home{UserName: x, Email: x, LogoutAction: "/o/logout", CSRF: x, PasswordURL: "/o/password", AppsURL: "/o/account/apps", SessionsURL: "/o/account/sessions", AccountsURL: "/o/accounts",
		ProfileURL: "/o/account/profile", LanguageURL: "/o/language", DataURL: "/o/account/data", AdminURL: "/o/admin", OpenApps: []OpenApp{{x, "https://app.example/"}, {x, x}}})
	s.Home(page("home, factor to give"), 200, Home{UserName: x, Email: x, LogoutAction: "/o/logout", CSRF: x, GiveFactorURL: "/o/second-factor"})
	s.Home(page("home, factor to set up"), 200, Home{UserName: x, LogoutAction: "/o/logout", CSRF: x, SetUpFactorURL: "/o/account/security"})
	s.Personal(page("name and e-mail"), 200, Personal{Action: "/o/account/profile", CSRF: x, HomeURL: "/o", Username: x, FirstName: x, LastName: x, Email: x, MayChangeEmail: true, AskPassword: true, Unverified: true, Saved: true})
	s.Personal(page("name and e-mail again"), 422, Personal{Action: "/o/account/profile", CSRF: x, HomeURL: "/o", Username: x, FirstName: x, LastName: x, Email: x, MayChangeEmail: true, AskPassword: true, SentTo: x,
		Problems: map[string]lang.Text{"": words(x), "first_name": words(x), "last_name": words(x), "email": words(x), "current_password": words(x)}})
	s.Personal(page("name"), 200, Personal{Action: "/o/account/profile", CSRF: x, HomeURL: "/o", Username: x, Email: x})
	s.Personal(page("name, no password"), 200, Personal{Action: "/o/account/profile", CSRF: x, HomeURL: "/o", Username: x, Email: x, SignInAgainURL: "/o/login"})
	s.ConfirmAddress(page("confirm address"), 200, ConfirmAddress{Action: "/o/account/email", CSRF: x, Token: x, Email: x, Username: x, HomeURL: "/o"})
	s.Language(page("language"), 200, Language{Action: "/o/language", CSRF: x, Continue: x, BackURL: "/o", Languages: []LanguageChoice{{x, x}, {"de", "Deutsch"}}})
	s.SecondFactor(page("second factor"), 200, SecondFactor{Action: "/o/second-factor", CSRF: x, Continue: x, Login: true, UserName: x, ClientName: x, App: true, Passkey: x, CodeURL: "/o/code", RecoveryURL: "/o/recovery", OtherURL: "/o/login", FormAction: app})
	s.SecondFactor(page("second factor, recovery"), 403, SecondFactor{Action: "/o/second-factor", CSRF: x, Continue: x, Recovery: true, Error: words(x), UserName: x, CodeURL: "/o/code", OtherURL: "/o/login"})
	s.SecondFactor(page("second factor, passkey"), 200, SecondFactor{Action: "/o/second-factor", CSRF: x, Continue: x, UserName: x, Passkey: x, RecoveryURL: "/o/recovery", OtherURL: "/o/login"})
	s.Factors(page("factors"), 200, Factors{Error: words(x), HomeURL: "/o", AppURL: "/o/app", CodesURL: "/o/codes", PasskeyURL: "/o/passkey", NextURL: "/o", Required: true,
		Factors: []Factor{{ID: x, Name: x, Passkey: true, RemoveURL: "/o/remove"}, {ID: x, Name: x, RemoveURL: "/o/remove"}}, CodesLeft: 9, Codes: 10})
	s.RemoveFactor(page("remove factor"), 200, RemoveFactor{Action: "/o/remove", CSRF: x, Continue: x, BackURL: "/o", Factor: Factor{ID: x, Name: x, Passkey: true}, Left: []Factor{{ID: x, Name: x}, {ID: x, Name: x, Passkey: true}}, CodesLeft: 9})
	s.RemoveFactor(page("remove factor, the last"), 422, RemoveFactor{Action: "/o/remove", CSRF: x, Continue: x, Error: words(x), BackURL: "/o", Factor: Factor{ID: x, Name: x}, CodesLeft: 9})
	s.RenewCodes(page("renew codes"), 200, RenewCodes{Action: "/o/codes", CSRF: x, Continue: x, BackURL: "/o", CodesLeft: 9})
	s.RenewCodes(page("renew codes again"), 422, RenewCodes{Action: "/o/codes", CSRF: x, Continue: x, Error: words(x), BackURL: "/o"})
	s.Factors(page("factors, none"), 200, Factors{HomeURL: "/o", AppURL: "/o/app"})
	s.NewApp(page("new app"), 422, NewApp{Action: "/o/app", CSRF: x, Continue: x, Offer: x, Secret: x, Picture: "data:image/png;base64,AA==", Name: x, Error: words(x), BackURL: "/o"})
	s.NewPasskey(page("new passkey"), 422, NewPasskey{Action: "/o/passkey", CSRF: x, Continue: x, Passkey: x, Name: x, Error: words(x), BackURL: "/o"})
	s.RecoveryCodes(page("recovery codes"), 200, RecoveryCodes{Codes: []string{x, x}, NextURL: "/o"})
	s.Password(page("password"), 200, Password{Action: "/o/password", CSRF: x, Username: x, HomeURL: "/o"})
	s.Password(page("password, the first"), 200, Password{Action: "/o/password", CSRF: x, Username: x, First: true, HomeURL: "/o"})
	s.Password(page("password again"), 422, Password{Action: "/o/password", CSRF: x, Username: x, HomeURL: "/o",
		Problems: map[string]lang.Text{"": words(x), "current_password": words(x), "new_password": words(x), "new_password_again": words(x)}})
	s.PasswordChanged(page("password changed"), 200, PasswordChanged{HomeURL: "/o"})
	s.PasswordChanged(page("password, the first is saved"), 200, PasswordChanged{First: true, HomeURL: "/o"})
	s.Device(page("device"), 200, Device{Action: "/o/device", UserName: x})
	s.Device(page("device again"), 422, Device{Action: "/o/device", UserCode: x, UserName: x, Problem: words(x)})
	s.DeviceConfirm(page("device confirm"), 200, DeviceConfirm{Action: "/o/device", CSRF: x, UserCode: x, ClientName: x, UserName: x, Scopes: []Scope{{x, words(x)}, {x, lang.Text{}}}, SwitchURL: x})
	s.DeviceAnswered(page("device answered"), 200, DeviceAnswered{ClientName: x, Allowed: true})
	s.DeviceAnswered(page("device refused"), 200, DeviceAnswered{ClientName: x})
	s.FormPost(page("form post"), FormPost{Action: "https://app.example/cb", Fields: [][2]string{{"code", x}, {x, "v"}}})
	return out
}

func elements(t *testing.T, w *httptest.ResponseRecorder) []*html.Node {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var all []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// skeleton is what scripts and assistive technology go by: forms, fields,
// links, and the text that is said at once.
func skeleton(t *testing.T, w *httptest.ResponseRecorder) []string {
	var out []string
	for _, n := range elements(t, w) {
		switch n.Data {
		case "title", "h1", "h2":
			out = append(out, n.Data+": "+text(n))
		case "form":
			out = append(out, fmt.Sprintf("form %s %s", attr(n, "method"), attr(n, "action")))
		case "input":
			line := fmt.Sprintf("input %s %s=%s", attr(n, "type"), attr(n, "name"), attr(n, "value"))
			for _, key := range []string{"autocomplete", "aria-describedby", "aria-invalid"} {
				if has(n, key) {
					line += " " + key + "=" + attr(n, key)
				}
			}
			for _, key := range []string{"required", "autofocus"} {
				if has(n, key) {
					line += " " + key
				}
			}
			out = append(out, line)
		case "button":
			out = append(out, strings.Join(strings.Fields(fmt.Sprintf("button %s %s %s: %s", attr(n, "id"), attr(n, "name"), attr(n, "value"), text(n))), " "))
		case "a":
			out = append(out, fmt.Sprintf("a %s: %s", attr(n, "href"), text(n)))
		}
		if attr(n, "role") == "alert" {
			out = append(out, fmt.Sprintf("alert %s: %s", attr(n, "id"), text(n)))
		}
	}
	return out
}

func TestPages(t *testing.T) {
	s := newSet(t)
	for _, c := range []struct {
		name   string
		show   func(w *httptest.ResponseRecorder)
		status int
		want   string
	}{
		{"login", func(w *httptest.ResponseRecorder) {
			s.Login(w, 200, Login{Action: "/o/login", CSRF: "T", Continue: "/o/authorize?a=1&b=2", ClientName: "Wiki"})
		}, 200, `
title: Sign in · Acme
h1: Sign in
form post /o/login
input hidden csrf=T
input hidden continue=/o/authorize?a=1&b=2
input text username= autocomplete=username required autofocus
input password password= autocomplete=current-password required
input checkbox remember=1
button login-submit : Sign in`},
		{"login again", func(w *httptest.ResponseRecorder) {
			s.Login(w, 401, Login{Action: "/o/login", CSRF: "T", Username: "ada", Error: words("Wrong.")})
		}, 401, `
title: Error: Sign in · Acme
h1: Sign in
alert error: Wrong.
form post /o/login
input hidden csrf=T
input hidden continue=
input text username=ada autocomplete=username aria-describedby=error required
input password password= autocomplete=current-password aria-describedby=error required autofocus
input checkbox remember=1
button login-submit : Sign in`},
		{"consent", func(w *httptest.ResponseRecorder) {
			s.Consent(w, 200, Consent{Action: "/o/consent", CSRF: "T", Request: "R", ClientName: "Wiki", ClientOrigin: "https://wiki.example", UserName: "Ada", Scopes: []Scope{{"email", words("See your e-mail")}}})
		}, 200, `
title: Allow access · Acme
h1: Allow Wiki?
h2: It will be able to
form post /o/consent
input hidden csrf=T
input hidden request=R
button decision allow: Allow
button decision deny: Cancel`},
		{"logout", func(w *httptest.ResponseRecorder) {
			s.Logout(w, 200, Logout{Action: "/o/logout", CSRF: "T", Request: "R", ClientName: "Wiki", UserName: "Ada"})
		}, 200, `
title: Sign out · Acme
h1: Sign out?
form post /o/logout
input hidden csrf=T
input hidden request=R
button logout-submit : Sign out`},
		{"accounts", func(w *httptest.ResponseRecorder) {
			s.Accounts(w, 200, Accounts{Action: "/o/accounts", CSRF: "T", Continue: "C", ClientName: "Wiki", AddURL: "/o/login?add=1",
				Accounts: []Account{{"1", "Ada", "ada", "ada@example.com", true}, {"2", "Bob", "bob", "", false}}})
		}, 200, `
title: Choose an account · Acme
h1: Choose an account
form post /o/accounts
input hidden csrf=T
input hidden continue=C
button account 1: Adaada@example.com
button account 2: Bobbob
a /o/login?add=1: Use another account`},
		{"logged out, with frames", func(w *httptest.ResponseRecorder) {
			s.LoggedOut(w, 200, LoggedOut{LinkText: words("Go on"), LinkURL: "https://app.example/", GoOn: true, Frames: []string{"https://app.example/bye?sid=1"}})
		}, 200, `
title: Signed out · Acme
h1: You are signed out
a https://app.example/: Go on`},
		{"forgot", func(w *httptest.ResponseRecorder) {
			s.Forgot(w, 200, Forgot{Action: "/o/forgot", CSRF: "T", LoginURL: "/o/login"})
		}, 200, `
title: Forgot password · Acme
h1: Forgot password
form post /o/forgot
input hidden csrf=T
input text username= autocomplete=username required autofocus
button forgot-submit : Send the link
a /o/login: Back to sign-in`},
		{"reset", func(w *httptest.ResponseRecorder) {
			s.Reset(w, 200, Reset{Action: "/o/reset", CSRF: "T", Token: "K", Username: "ada"})
		}, 200, `
title: Choose a password · Acme
h1: Choose a password
form post /o/reset
input hidden csrf=T
input hidden token=K
input hidden username=ada autocomplete=username
input password new_password= autocomplete=new-password aria-describedby=new_password-hint required autofocus
input password new_password_again= autocomplete=new-password required
button reset-submit : Save password`},
		{"logged out", func(w *httptest.ResponseRecorder) {
			s.LoggedOut(w, 200, LoggedOut{LinkURL: "/o/login"})
		}, 200, `
title: Signed out · Acme
h1: You are signed out
a /o/login: Sign in again`},
		{"setup", func(w *httptest.ResponseRecorder) {
			s.Setup(w, 200, Setup{Action: "/o/setup", CSRF: "T", Token: "K"})
		}, 200, `
title: Set up · Acme
h1: Welcome
form post /o/setup
input hidden csrf=T
input hidden token=K
input text username= autocomplete=username required autofocus
input email email= autocomplete=email
input password password= autocomplete=new-password aria-describedby=password-hint required
button setup-submit : Create account`},
		{"setup again", func(w *httptest.ResponseRecorder) {
			s.Setup(w, 422, Setup{Action: "/o/setup", CSRF: "T", Token: "K", Username: "ada", Email: "a@b", Company: "Acme", AskCompany: true,
				Problems: map[string]lang.Text{"email": words("Bad."), "password": words("Short.")}})
		}, 422, `
title: Error: Set up · Acme
h1: Welcome
alert error: Please correct what is marked below.
form post /o/setup
input hidden csrf=T
input hidden token=K
input text username=ada autocomplete=username required
input email email=a@b autocomplete=email aria-describedby=email-problem aria-invalid=true autofocus
input text company=Acme autocomplete=organization
input password password= autocomplete=new-password aria-describedby=password-problem aria-invalid=true required
button setup-submit : Create account`},
		{"home", func(w *httptest.ResponseRecorder) {
			s.Home(w, 200, Home{UserName: "Ada", Email: "a@b", LogoutAction: "/o/logout", CSRF: "T", PasswordURL: "/o/password"})
		}, 200, `
title: Signed in · Acme
h1: You are signed in
form post /o/logout
input hidden csrf=T
button logout-submit : Sign out
a /o/password: Change password`},
		{"password", func(w *httptest.ResponseRecorder) {
			s.Password(w, 200, Password{Action: "/o/password", CSRF: "T", Username: "ada", HomeURL: "/o"})
		}, 200, `
title: Change password · Acme
h1: Change password
form post /o/password
input hidden csrf=T
input hidden username=ada autocomplete=username
input password current_password= autocomplete=current-password required autofocus
input password new_password= autocomplete=new-password aria-describedby=new_password-hint required
input password new_password_again= autocomplete=new-password required
button password-submit : Change password
a /o: Cancel`},
		{"password again", func(w *httptest.ResponseRecorder) {
			s.Password(w, 422, Password{Action: "/o/password", CSRF: "T", Username: "ada", HomeURL: "/o", Problems: map[string]lang.Text{"new_password": words("Short.")}})
		}, 422, `
title: Error: Change password · Acme
h1: Change password
alert error: Please correct what is marked below.
form post /o/password
input hidden csrf=T
input hidden username=ada autocomplete=username
input password current_password= autocomplete=current-password required
input password new_password= autocomplete=new-password aria-describedby=new_password-problem aria-invalid=true required autofocus
input password new_password_again= autocomplete=new-password required
button password-submit : Change password
a /o: Cancel`},
		{"form post", func(w *httptest.ResponseRecorder) {
			s.FormPost(w, FormPost{"https://app.example/cb?x=1", [][2]string{{"code", "C"}, {"state", "S&s"}}})
		}, 200, `
title: One moment · Acme
h1: One moment
form post https://app.example/cb?x=1
input hidden code=C
input hidden state=S&s
button : Continue`},
	} {
		w := httptest.NewRecorder()
		c.show(w)
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d", c.name, w.Code, c.status)
		}
		if got := strings.Join(skeleton(t, w), "\n"); got != strings.TrimSpace(c.want) {
			t.Errorf("%s:\n%s\nwant:%s", c.name, got, c.want)
		}
	}
}

// Problems of fields that are not there would leave a form that refuses
// without a word.
func TestNoProblemIsLost(t *testing.T) {
	w := httptest.NewRecorder()
	newSet(t).Setup(w, 422, Setup{Problems: map[string]lang.Text{"company": words("No such company."), "": words("Try later.")}})
	if got := skeleton(t, w); !slices.Contains(got, "alert error: Try later. No such company.") {
		t.Errorf("the page says %q", got)
	}
}

func TestEveryPageCanBeUsedWithoutSeeingIt(t *testing.T) {
	for name, w := range show(newSet(t), "x") {
		count, ids, labelled := map[string]int{}, map[string]bool{}, map[string]bool{}
		all := elements(t, w)
		for _, n := range all {
			count[n.Data]++
			if id := attr(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("%s: the id %s is there twice", name, id)
				}
				ids[id] = true
			}
			if n.Data == "label" {
				labelled[attr(n, "for")] = true
			}
			if has(n, "autofocus") {
				count["autofocus"]++
			}
			if has(n, "tabindex") {
				t.Errorf("%s: <%s> is out of the logical order", name, n.Data)
			}
		}
		if count["h1"] != 1 || count["main"] != 1 || count["header"] != 1 || count["title"] != 1 {
			t.Errorf("%s: %v; want one h1, main, header and title", name, count)
		}
		if count["autofocus"] > 1 {
			t.Errorf("%s: %d elements want the focus", name, count["autofocus"])
		}
		for _, n := range all {
			if n.Data == "input" && attr(n, "type") != "hidden" && !labelled[attr(n, "id")] {
				t.Errorf("%s: input %s has no label", name, attr(n, "name"))
			}
			for _, key := range []string{"aria-describedby", "aria-labelledby"} {
				for id := range strings.FieldsSeq(attr(n, key)) {
					if !ids[id] {
						t.Errorf("%s: %s=%s leads nowhere", name, key, id)
					}
				}
			}
			if n.Data == "html" && attr(n, "lang") != "en" {
				t.Errorf("%s: no language is named", name)
			}
			if n.Data == "svg" && attr(n, "aria-hidden") != "true" {
				t.Errorf("%s: a picture is read out", name)
			}
		}
	}
}

var attacks = []string{
	`<script>alert(1)</script>`,
	`"><script>alert(1)</script>`,
	`'><img src=x onerror=alert(1)>`,
	`" onfocus=alert(1) autofocus x="`,
	`</title><script>alert(1)</script>`,
	`</style><script>alert(1)</script>`,
	`</textarea></form><form action=https://evil.example>`,
	`javascript:alert(1)`,
	`JaVa	ScRiPt:alert(1)`,
	`data:text/html,<script>alert(1)</script>`,
	`//evil.example/"onclick="alert(1)`,
	`{{.}}{{template "x"}}`,
	`<svg/onload=alert(1)>`,
	`<base href=https://evil.example>`,
	"\x00<script>alert(1)</script>",
	"\xff\xfe<script>",
	`https://evil.example; script-src *`,
	`<!--`, `]]>`, `&lt;script&gt;`,
	`<a href="javascript:alert(1)">`,
	`x' style='background:url(https://evil.example)`,
}

// Whatever a name holds, the page has the same elements and attributes as with
// a harmless one.
func TestNothingReflectedBecomesMarkup(t *testing.T) {
	s := newSet(t)
	shape := func(w *httptest.ResponseRecorder) string {
		var b strings.Builder
		for _, n := range elements(t, w) {
			b.WriteString("<" + n.Data)
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
			}
			b.WriteString(">\n")
		}
		return b.String()
	}
	want := map[string]string{}
	for name, w := range show(s, "harmless") {
		want[name] = shape(w)
	}
	for _, attack := range attacks {
		for name, w := range show(s, attack) {
			if got := shape(w); got != want[name] {
				t.Errorf("%s: %q changes the page to\n%s", name, attack, got)
			}
			for _, n := range elements(t, w) {
				if href := strings.ToLower(attr(n, "href")); n.Data == "a" && (strings.Contains(href, "script:") || strings.HasPrefix(href, "data:")) {
					t.Errorf("%s: %q becomes the link %s", name, attack, href)
				}
			}
			csp := w.Header().Get("Content-Security-Policy")
			if strings.Contains(csp, "evil.example;") || strings.Contains(csp, "*") || strings.Contains(csp, "script:") || strings.Contains(csp, "data: ;") {
				t.Errorf("%s: %q writes policy: %s", name, attack, csp)
			}
		}
	}
}

func TestFieldsComeBackUnchanged(t *testing.T) {
	for _, value := range []string{`a"b'c<d>&e;`, "/o/authorize?x=1&y=%22&amp;z", "ü✓\u202e"} {
		for _, line := range []string{"input hidden csrf=" + value, "input hidden continue=" + value} {
			if got := skeleton(t, show(newSet(t), value)["login"]); !slices.Contains(got, line) {
				t.Errorf("%q is not among %q", line, got)
			}
		}
	}
}

// Only what cannot be done without one has a script, and that is named by its hash.
func TestScripts(t *testing.T) {
	may := []string{"form post", "login, somebody else", "second factor", "second factor, passkey", "new passkey"}
	for name, w := range show(newSet(t), "x") {
		csp := w.Header().Get("Content-Security-Policy")
		var scripts []string
		for _, n := range elements(t, w) {
			if n.Data == "script" {
				scripts = append(scripts, n.FirstChild.Data)
			}
		}
		if !slices.Contains(may, name) {
			if len(scripts) > 0 || strings.Contains(csp, "script-src") || strings.Contains(w.Body.String(), "<script") {
				t.Errorf("%s: scripts %q under %s", name, scripts, csp)
			}
			continue
		}
		if len(scripts) != 1 {
			t.Fatalf("%s has %d scripts", name, len(scripts))
		}
		sum := sha256.Sum256([]byte(scripts[0]))
		if want := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(csp, want) {
			t.Errorf("%s: %s is not the hash of %q", name, csp, scripts[0])
		}
	}
}

func TestFormsMayLeadToTheApp(t *testing.T) {
	pages := show(newSet(t), "http://two.example/x")
	for name, want := range map[string]string{
		"login":     "form-action 'self' https: http://two.example;",
		"consent":   "form-action 'self' https: http://two.example;",
		"logout":    "form-action 'self' https: http://two.example;",
		"form post": "form-action 'self' https:;",
		"setup":     "form-action 'self';",
		"home":      "form-action 'self';",
		"password":  "form-action 'self';",
	} {
		if csp := pages[name].Header().Get("Content-Security-Policy"); !strings.Contains(csp, want) {
			t.Errorf("%s: %s, want %s", name, csp, want)
		}
	}
}

func TestPasswordsAreNeverSentBack(t *testing.T) {
	for name, w := range show(newSet(t), "x") {
		for _, n := range elements(t, w) {
			if attr(n, "type") == "password" && attr(n, "value") != "" {
				t.Errorf("%s: a password is in the page", name)
			}
		}
	}
}

// words are some that no catalogue has.
func words(in string) lang.Text { return lang.Text{Key: in} }

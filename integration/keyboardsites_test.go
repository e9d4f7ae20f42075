package integration

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/oauth2"
)

// otherSite is a site of somebody else's at which people sign in by the server: its
// page says who they are, and has links to sign in once more and to sign out.
type otherSite struct {
	*httptest.Server
	oauth2.Config
	id, issuer string

	mu     sync.Mutex
	people map[string]*visitor // by their cookie
}

type visitor struct {
	raw, name, sid string
	signIns        int
}

// startOtherSite starts one, a client of the server that hears of sign-outs in the
// browser.
func startOtherSite(t *testing.T, b *mailBox, id string) *otherSite {
	t.Helper()
	rp := &otherSite{id: id, issuer: b.server, people: map[string]*visitor{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", rp.page)
	mux.HandleFunc("/login", rp.login)
	mux.HandleFunc("/cb", rp.callback)
	mux.HandleFunc("/gone", rp.gone)
	rp.Server = httptest.NewServer(mux)
	t.Cleanup(rp.Close)
	made := b.authJSON("", "client", "create", id, "--redirect", rp.URL+"/cb", "--post-logout", rp.URL+"/", "--frontchannel-logout", rp.URL+"/gone", "--skip-consent")
	rp.Config = oauth2.Config{
		ClientID: id, ClientSecret: fmt.Sprint(made["secret"]), RedirectURL: rp.URL + "/cb", Scopes: []string{"openid", "profile"},
		Endpoint: oauth2.Endpoint{AuthURL: b.server + "/o/authorize", TokenURL: b.endpoint(t).TokenURL, AuthStyle: oauth2.AuthStyleInHeader},
	}
	return rp
}

// visitor is who the cookie says; nil for a stranger. Ports of a host share its cookies.
func (rp *otherSite) visitor(r *http.Request) *visitor {
	c, err := r.Cookie("rp-" + rp.id)
	if err != nil {
		return nil
	}
	rp.mu.Lock()
	defer rp.mu.Unlock()
	return rp.people[c.Value]
}

func (rp *otherSite) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>%[1]s</title><style>:focus-visible { outline: 3px solid }</style><h1>%[1]s</h1>`, rp.id)
	v := rp.visitor(r)
	if v == nil {
		fmt.Fprint(w, `<p>Nobody is signed in.</p><p><a id="login" href="/login">Sign in</a></p>`)
		return
	}
	out := rp.issuer + "/o/logout?" + url.Values{"id_token_hint": {v.raw}, "post_logout_redirect_uri": {rp.URL + "/"}}.Encode()
	fmt.Fprintf(w, `<p>Hello %s, sign-in %d.</p><p><a id="again" href="/login?prompt=login">Prove that it is you</a> <a id="logout" href="%s">Sign out</a></p>`,
		html.EscapeString(v.name), v.signIns, html.EscapeString(out))
}

func (rp *otherSite) login(w http.ResponseWriter, r *http.Request) {
	verifier := oauth2.GenerateVerifier()
	http.SetCookie(w, &http.Cookie{Name: "verifier-" + rp.id, Value: verifier, Path: "/", HttpOnly: true})
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if prompt := r.FormValue("prompt"); prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", prompt))
	}
	http.Redirect(w, r, rp.AuthCodeURL(verifier[:16], options...), http.StatusFound)
}

// callback believes the ID token, which came from the server itself.
func (rp *otherSite) callback(w http.ResponseWriter, r *http.Request) {
	v, err := rp.redeem(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if before := rp.visitor(r); before != nil {
		v.signIns = before.signIns
	}
	v.signIns++
	secret := oauth2.GenerateVerifier()
	rp.mu.Lock()
	rp.people[secret] = v
	rp.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "rp-" + rp.id, Value: secret, Path: "/", HttpOnly: true})
	http.Redirect(w, r, "/", http.StatusFound)
}

func (rp *otherSite) redeem(r *http.Request) (*visitor, error) {
	c, err := r.Cookie("verifier-" + rp.id)
	if err != nil || r.FormValue("state") != c.Value[:16] {
		return nil, errors.New("the answer is to no question of this browser")
	}
	token, err := rp.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(c.Value))
	if err != nil {
		return nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, errors.New("there is no ID token")
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims struct {
		Subject string `json:"sub"`
		SID     string `json:"sid"`
	}
	if err := json.Unmarshal(body, &claims); err != nil || claims.SID == "" {
		return nil, fmt.Errorf("the ID token says %s: %w", body, err)
	}
	return &visitor{raw: raw, name: claims.Subject, sid: claims.SID}, nil
}

// gone is loaded in the browser as the session of that sid ends.
func (rp *otherSite) gone(_ http.ResponseWriter, r *http.Request) {
	rp.mu.Lock()
	defer rp.mu.Unlock()
	for secret, v := range rp.people {
		if r.FormValue("iss") == rp.issuer && r.FormValue("sid") == v.sid {
			delete(rp.people, secret)
		}
	}
}

// To prove once more that it is oneself, for a site that asks for it, and to sign out at
// one site and so at the others that hear of it in the browser, takes no mouse.
func TestBrowserKeyboardAtOtherSites(t *testing.T) {
	t.Parallel()
	b := startMailBox(t)
	notes, board := startOtherSite(t, b, "notes"), startOtherSite(t, b, "board")
	k, ctx := keyboard(t, true)
	signIn(k.Open(notes.URL).Press("#login"), "bob", password).Await(at(notes.URL+"/")).Shows("Hello", "sign-in 1.")

	// Who is signed in is asked all the same, and not let on by what is wrong.
	k.Press("#again").Await(`document.querySelector("#login-submit")`).Shows("to continue to notes")
	signIn(k, "bob", "wrong").Await(`document.querySelector("[role=alert]")`)
	k.Type("#password", password).Enter().Await(at(notes.URL + "/")).Shows("sign-in 2.")

	// The other site has them without a question. Signed out at one, they are at both.
	k.Open(board.URL).Press("#login").Await(at(board.URL+"/")).Shows("Hello", "sign-in 1.")
	k.Open(notes.URL).Press("#logout").Shows("You are signed out").Await(at(notes.URL + "/")).Shows("Nobody is signed in.")
	waitFor(t, time.Minute, func() error {
		if k.Open(board.URL); !get(t, ctx, chromedp.Evaluate[bool](`!!document.querySelector("#login")`)) {
			return errors.New("the other site did not hear of it")
		}
		return nil
	})
	k.Press("#login").Await(`document.querySelector("#login-submit")`)
}

package gate

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func formPost(c *Config) { c.FormPost = true }

// fromElsewhere posts form from a page of another site: without cookies, which are
// SameSite=Lax.
func (b *browser) fromElsewhere(target, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", b.origin+target, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "null")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.do(r)
}

// do takes what cookies it is given also from such an answer, so there must be none.
func wantNoCookies(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if c := w.Header().Values("Set-Cookie"); len(c) > 0 {
		t.Errorf("the POST of another site set cookies: %q", c)
	}
}

// answered is the form that the issuer has the browser post.
func (h *house) answered(b *browser, page string) (form string) {
	h.t.Helper()
	to := location(h.t, b.get(page))
	if !strings.Contains(to, "response_mode=form_post") {
		h.t.Fatalf("asked without form_post: %s", to)
	}
	_, form, _ = strings.Cut(h.issuer.authorize(to), "?")
	return form
}

// OAuth 2.0 Form Post Response Mode section 2.
func TestTheIssuerAnswersByForm(t *testing.T) {
	h := newHouse(t, formPost)
	b := newBrowser(h.gate)
	form := h.answered(b, "/page?a=1")
	w := b.fromElsewhere("/oidc/callback", form)
	wantStatus(t, w, 303)
	wantNoCookies(t, w)
	to := location(t, w)
	q, _ := url.ParseQuery(form)
	if strings.Contains(to, q.Get("code")) || strings.Contains(to, q.Get("state")) || !strings.HasPrefix(to, "/oidc/callback?answer=") {
		t.Errorf("goes on at %s", to)
	}
	if h.issuer.count("/token") != 0 {
		t.Error("the POST of another site redeemed the code")
	}
	if w := b.get(to); location(t, w) != "/page?a=1" {
		t.Errorf("came back to %s", location(t, w))
	}
	seen(t, b.get("/page?a=1"))

	// Once: then, as with every used state, it leads to the page or starts over.
	delete(b.cookies, h.gate.origins[0].sessionCookie)
	if w := b.get(to); !strings.HasPrefix(location(t, w), testIssuer+"/authorize") || h.issuer.count("/token") != 1 {
		t.Errorf("used twice: %s, %d exchanges", location(t, w), h.issuer.count("/token"))
	}
}

func TestAStrangersFormSignsNobodyIn(t *testing.T) {
	h := newHouse(t, formPost)
	attacker, victim := newBrowser(h.gate), newBrowser(h.gate)
	victim.get("/other")
	form := h.answered(attacker, "/page")
	w := victim.fromElsewhere("/oidc/callback", form)
	wantNoCookies(t, w)
	if w = victim.get(location(t, w)); !strings.HasPrefix(location(t, w), testIssuer+"/authorize") {
		t.Errorf("went to %s", location(t, w))
	}
	if _, in := victim.cookies[h.gate.origins[0].sessionCookie]; in || h.issuer.count("/token") != 0 {
		t.Error("signed in as the attacker")
	}
}

func TestFormsThatAreRefused(t *testing.T) {
	h := newHouse(t, formPost)
	b := newBrowser(h.gate)
	good := h.answered(b, "/page")
	for name, form := range map[string]string{
		"empty":          "",
		"made up":        "code=x&state=y",
		"two codes":      good + "&code=x",
		"two states":     good + "&state=x",
		"code and error": good + "&error=access_denied",
		"malformed":      good + "&%zz",
		"too long":       good + "&x=" + strings.Repeat("x", maxForm),
	} {
		w := b.fromElsewhere("/oidc/callback", form)
		wantNoCookies(t, w)
		if w.Code != 400 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	r := b.request("POST", "/oidc/callback")
	if w := b.do(r); w.Code != 400 {
		t.Errorf("no form: %d", w.Code)
	}
	// A code in the query was not asked for; an error may come there.
	if w := b.get("/oidc/callback?" + good); w.Code != 400 || h.issuer.count("/token") != 0 {
		t.Errorf("a code in the query: %d", w.Code)
	}
	q, _ := url.ParseQuery(good)
	q.Del("code")
	q.Set("error", "access_denied")
	wantStatus(t, b.get("/oidc/callback?"+q.Encode()), 403)

	// The continuation is only what this gate sealed, for this, just now.
	to := location(t, b.fromElsewhere("/oidc/callback", h.answered(b, "/page")))
	state := q.Get("state")
	for name, answer := range map[string]string{
		"empty": "", "garbage": strings.Repeat("A", 200), "a state": state, "cut": to[len("/oidc/callback?answer="):][:60],
		"long": strings.Repeat("A", maxCallback+1),
	} {
		if w := b.get("/oidc/callback?answer=" + answer); w.Code != 400 {
			t.Errorf("answer %s: %d", name, w.Code)
		}
	}
	h.clock.add(answerLifetime + time.Second)
	if w := b.get(to); w.Code != 400 || h.issuer.count("/token") != 0 {
		t.Errorf("an old answer: %d", w.Code)
	}
}

func TestNoFormWhereNoneWasAskedFor(t *testing.T) {
	h := newHouse(t)
	b := newBrowser(h.gate)
	_, form, _ := strings.Cut(h.issuer.authorize(location(t, b.get("/page"))), "?")
	wantStatus(t, b.fromElsewhere("/oidc/callback", form), 405)
	posting := h.newGate(formPost)
	w := (&browser{g: posting, origin: b.origin, cookies: b.cookies, header: b.header}).fromElsewhere("/oidc/callback", form)
	wantStatus(t, b.get(location(t, w)), 400) // a sealed answer
	if h.issuer.count("/token") != 0 {
		t.Error("a code was redeemed")
	}
}

func FuzzAnswer(f *testing.F) {
	g := bareGate(f, formPost)
	f.Add(g.sealAnswer(map[string]string{"state": "s", "code": "c"}))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := g.openAnswer(text)
		if (err == nil) == (q == nil) {
			t.Errorf("%v, %v", q, err)
		}
		if err == nil && q["code"] != "c" {
			t.Error("opened what was not sealed here")
		}
	})
}

package usersync

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/storetest"
)

func post(h http.Handler, typ string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/oidc/sync", bytes.NewReader(body))
	r.Header.Set("Content-Type", typ)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func signed(t testing.TB, b *Batch) []byte {
	t.Helper()
	b.Issuer, b.Audience = issuer, "wiki"
	token, err := Sign(b, key(t), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestReceiverAnswers(t *testing.T) {
	s := openStore(t)
	directory(t, s, 2)
	faulty := storetest.Fail(openStore(t))
	rc := &Receiver{Mirror: newMirror(t, faulty), Log: slog.New(slog.DiscardHandler)}
	feed := feedOf(t, s)
	check := func(what string, w *httptest.ResponseRecorder, status int, says string) {
		t.Helper()
		if w.Code != status || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s: %d %s; want %d and %q", what, w.Code, w.Body, status, says)
		}
		if !json.Valid(w.Body.Bytes()) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v %s", what, w.Header(), w.Body)
		}
	}
	good := signed(t, next(t, s, Position{}))
	check("another type", post(rc, "application/json", good), 400, "content type")
	check("a form", post(rc, "application/x-www-form-urlencoded", good), 400, "content type")
	check("garbage", post(rc, ContentType, []byte("x.y.z")), 400, `"err":"invalid_request"`)
	check("5 MB", post(rc, ContentType, bytes.Repeat([]byte("x"), 5<<20)), 413, "4 MB")
	w := post(rc, ContentType, append(good[:len(good)-2:len(good)-2], "AA"...))
	check("a wrong signature", w, 401, `"err":"authentication_failed"`)
	if w.Header().Get("WWW-Authenticate") == "" {
		t.Error("a 401 without a challenge")
	}
	if rc.pushedSince(time.Hour) {
		t.Error("what was refused counts as a push")
	}
	check("too early", post(rc, ContentType, signed(t, next(t, s, at(feed.ID, 2)))), 409, `"upto":0`)
	get := httptest.NewRecorder()
	rc.ServeHTTP(get, httptest.NewRequest("GET", "/oidc/sync", nil))
	check("GET", get, 405, "POST")
	if got := mirrorState(t, faulty, "wiki"); got != (store.MirrorState{}) {
		t.Fatalf("what was refused changed the mirror: %+v", got)
	}
	faulty.Always(storetest.NotDone)
	check("the disk is full", post(rc, ContentType, good), 503, "cannot be written")
	faulty.Heal()
	check("good", post(rc, ContentType, good), 200, `"upto":3`)
	check("again", post(rc, ContentType, good), 200, `"upto":3`)
	if !rc.pushedSince(time.Hour) {
		t.Error("a push does not count")
	}
	same(t, rc.Mirror, s)
	short := *rc.Mirror
	short.Secret = secret[:31]
	check("a short secret", post(&Receiver{Mirror: &short, Log: rc.Log}, ContentType, good), 400, "31 bytes")
}

// asker counts how much there is room for when it is first read from.
type asker struct{ room int }

func (a *asker) Read(b []byte) (int, error) {
	if a.room == 0 {
		a.room = len(b)
	}
	return 0, io.EOF
}

// Who says that much will come need not send it.
func TestReceiverKeepsNoRoomForWords(t *testing.T) {
	rc := &Receiver{Mirror: newMirror(t, openStore(t)), Log: slog.New(slog.DiscardHandler)}
	for _, length := range []int64{MaxBatch, 1 << 62} {
		a := &asker{}
		r := httptest.NewRequest("POST", "/oidc/sync", a)
		r.ContentLength = length
		r.Header.Set("Content-Type", ContentType)
		rc.ServeHTTP(httptest.NewRecorder(), r)
		if a.room == 0 || a.room > 2*maxUnseen {
			t.Errorf("room for %d bytes of %d that were only spoken of", a.room, length)
		}
	}
}

func FuzzReceiver(f *testing.F) {
	s := openStore(f)
	directory(f, s, 2)
	m := newMirror(f, openStore(f))
	rc := &Receiver{Mirror: m, Log: slog.New(slog.DiscardHandler)}
	fill(f, m, s)
	want := mirrorState(f, m.Store, "wiki").Digest
	good := signed(f, next(f, s, Position{}))
	f.Add(good)
	f.Add(append(good[:len(good)-3:len(good)-3], "AAA"...))
	f.Add([]byte(jwtHeader + ".e30."))
	f.Add([]byte("..."))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := post(rc, ContentType, body)
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %q", w.Code, w.Body)
		}
		var got store.MirrorState
		if err := m.Store.View(context.Background(), func(tx store.ReadTx) (err error) {
			got, err = tx.MirrorState("wiki")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got.Digest != want {
			t.Fatalf("a stranger changed the mirror with %q", body)
		}
	})
}

package gate

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"github.com/caddyito/caddyito/store"
)

const (
	// renewEarly is how long before its end an access token is replaced, so that
	// the app has time to use it; of one that is short, a quarter of its life.
	renewEarly = 30 * time.Second
	// renewPause is between attempts to renew while the issuer does not answer.
	renewPause = 5 * time.Second
	// keptTimes are in front of what is sealed, keptHead with the nonce.
	keptTimes = 2 * 8
	keptHead  = keptTimes + chacha20poly1305.NonceSizeX
)

// kept are the tokens of a session, as it holds them: sealed under the id in the
// cookie, which is in no store; endings remembers it, in memory.
type kept struct {
	sealed []byte
	// renew is from when on the access token is to be replaced, ends when it is
	// over, in Unix seconds; 0 if the issuer did not say.
	renew, ends int64
	paused      atomic.Int64 // until when nobody tries to renew it, in Unix nanoseconds
	remembered  atomic.Bool  // by endings
}

// keptText is what is sealed.
type keptText struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh,omitempty"`
}

func newKept(sealed []byte) *kept {
	if len(sealed) < keptHead {
		return nil
	}
	return &kept{sealed: sealed, renew: int64(binary.BigEndian.Uint64(sealed)), ends: int64(binary.BigEndian.Uint64(sealed[8:]))}
}

// due says whether the access token is over, or about to be.
func (k *kept) due(now time.Time) bool { return k.ends != 0 && now.Unix() >= k.renew }

func (k *kept) over(now time.Time) bool { return k.ends != 0 && now.Unix() >= k.ends }

// tokenSeal is what seals the tokens of the session with that id. The key is for
// this session alone.
func (g *Gate) tokenSeal(secret string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, []byte(secret), g.cfg.Key[:], "tokens at "+g.cfg.Name, 32)
	if err != nil {
		panic(err) // only for lengths out of range
	}
	return newSeal([32]byte(key))
}

// sealTokens puts the times of the access token in front, readable and protected
// by the seal.
func (g *Gate) sealTokens(secret string, t *oauth2.Token) ([]byte, error) {
	text, err := json.Marshal(keptText{t.AccessToken, t.RefreshToken})
	if err != nil {
		return nil, err
	}
	b := make([]byte, keptHead, keptHead+len(text)+chacha20poly1305.Overhead)
	if t.ExpiresIn > 0 {
		ends := g.cfg.Now().Unix() + t.ExpiresIn
		binary.BigEndian.PutUint64(b, uint64(ends-min(int64(renewEarly/time.Second), t.ExpiresIn/4)))
		binary.BigEndian.PutUint64(b[8:], uint64(ends))
	}
	rand.Read(b[keptTimes:]) // never fails (crypto/rand)
	return g.tokenSeal(secret).Seal(b, b[keptTimes:], text, b[:keptTimes]), nil
}

func (g *Gate) openTokens(secret string, sealed []byte) (t keptText, err error) {
	if len(sealed) < keptHead {
		return t, errors.New("the tokens of the session are cut short")
	}
	text, err := g.tokenSeal(secret).Open(nil, sealed[keptTimes:keptHead], sealed[keptHead:], sealed[:keptTimes])
	if err != nil {
		return t, errors.New("the tokens of the session were sealed otherwise: by another gate, or with another key")
	}
	return t, json.Unmarshal(text, &t)
}

// Tokens are the way to those of one session, for as long as a request of its is
// there.
type Tokens struct {
	gate   *Gate
	hash   store.Hash
	secret string // the session's id
}

// tokensOf are those of the session that d, which is about r, rests on: nil where
// the gate keeps none, or nobody is signed in.
func (g *Gate) tokensOf(r *http.Request, d Decision) *Tokens {
	if !g.cfg.KeepTokens || d.Identity == nil || d.origin == nil {
		return nil
	}
	secret, ok := secretCookie(r.Header, d.origin.sessionCookie)
	if !ok {
		return nil
	}
	return &Tokens{g, d.session, secret}
}

// String keeps the session's id out of logs.
func (t *Tokens) String() string { return "Tokens(hidden)" }

// GoString keeps the session's id out of logs.
func (t *Tokens) GoString() string { return t.String() }

// AccessToken is one for the app to use in the person's name, "" if there is none.
// If it is about to end, another is got from the issuer first, by one of those who
// ask at the same time.
func (t *Tokens) AccessToken(ctx context.Context) string {
	g := t.gate
	s, err := g.session(ctx, t.hash)
	if err != nil || s == nil || s.kept == nil {
		return ""
	}
	if !s.kept.remembered.Swap(true) {
		g.endings.remember(t.hash, t.secret, s.kept.sealed)
	}
	now := g.cfg.Now()
	if !s.kept.due(now) || now.UnixNano() < s.kept.paused.Load() {
		return t.current(s.kept, now)
	}
	// Not the request's context: the one who asks first may go away, and a refresh
	// token is spent by then.
	flight := renewals.DoChan(g.cfg.Name+" "+string(t.hash[:]), func() (any, error) { return t.renew() })
	select {
	case <-ctx.Done():
		return t.current(s.kept, now)
	case answer := <-flight:
		token, _ := answer.Val.(string)
		if answer.Err != nil {
			s.kept.paused.Store(now.Add(renewPause).UnixNano())
			return t.current(s.kept, now)
		}
		return token
	}
}

// renewals are under way, of all gates of the process: after a reload, requests of
// the former gate may still ask for what the new one renews.
var renewals singleflight.Group

// current is the access token as it is kept, if it is not over.
func (t *Tokens) current(k *kept, now time.Time) string {
	if k.over(now) {
		return ""
	}
	text, err := t.gate.openTokens(t.secret, k.sealed)
	if err != nil {
		t.gate.log.Warn("cannot read the tokens of a session", "error", err)
	}
	return text.Access
}

// renew gets another access token (RFC 6749 section 6). An error says that the
// issuer could not be asked. Where it says no, or there is nothing to ask with, the
// session is over when its access token is: the person signs in anew, which mostly
// takes no more than a redirect.
func (t *Tokens) renew() (string, error) {
	g := t.gate
	ctx, cancel := context.WithTimeout(g.issuer.withClient(context.Background()), callbackTimeout)
	defer cancel()
	var rec *store.Session
	err := g.cfg.Store.View(ctx, func(tx store.ReadTx) (err error) {
		rec, err = tx.Session(g.cfg.Name, t.hash)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	k, now := newKept(rec.Tokens), g.cfg.Now()
	if k == nil {
		return "", nil
	}
	old, err := g.openTokens(t.secret, k.sealed)
	if err != nil || !k.due(now) { // renewed meanwhile
		return old.Access, err
	}
	if old.Refresh == "" {
		if !k.over(now) {
			return old.Access, nil
		}
		return "", t.end(ctx, "its access token ended, and the issuer gave no refresh token (scope offline_access?)")
	}
	is, err := g.issuer.get()
	if err != nil {
		return "", err
	}
	token, err := g.client(is).TokenSource(ctx, &oauth2.Token{RefreshToken: old.Refresh}).Token()
	if grantRefused(err) {
		return "", t.end(ctx, "the issuer renews its access token no more")
	}
	if err != nil {
		is.doubted.Store(true)
		logTrouble(g.log, "cannot renew an access token", &g.cfg, err)
		return "", err
	}
	if err := g.verifyRefreshed(ctx, is, token, rec); err != nil {
		g.revoke(is, token)
		logTrouble(g.log, "the issuer renewed an access token with what cannot be used", &g.cfg, err)
		return "", t.end(ctx, "its access token was renewed for another")
	}
	return t.replace(ctx, is, token)
}

// replace puts the new tokens into the session, if that is still there, and returns
// the access token.
func (t *Tokens) replace(ctx context.Context, is *issuer, token *oauth2.Token) (string, error) {
	g := t.gate
	sealed, err := g.sealTokens(t.secret, token)
	if err != nil {
		return "", err
	}
	err = g.cfg.Store.Update(ctx, func(tx store.WriteTx) error {
		rec, err := tx.Session(g.cfg.Name, t.hash)
		if err != nil {
			return err
		}
		rec.Tokens = sealed
		return tx.PutSession(rec)
	})
	if errors.Is(err, store.ErrNotFound) {
		g.revoke(is, token) // signed out meanwhile
		return "", nil
	}
	if err != nil {
		g.log.Error("cannot write a renewed access token; the person may have to sign in again", "error", err)
		return "", err
	}
	g.endings.remember(t.hash, t.secret, sealed)
	return token.AccessToken, nil
}

// end ends the session.
func (t *Tokens) end(ctx context.Context, why string) error {
	err := t.gate.cfg.Store.Update(ctx, func(tx store.WriteTx) error { return tx.DeleteSession(t.gate.cfg.Name, t.hash) })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	t.gate.log.Info("a session ends: " + why)
	return err
}

// verifyRefreshed is OpenID Connect Core section 12.2: an ID token that came with
// a refresh is of the same person and sign-in. There need be none.
func (g *Gate) verifyRefreshed(ctx context.Context, is *issuer, token *oauth2.Token, rec *store.Session) error {
	raw, _ := token.Extra("id_token").(string)
	switch {
	case !strings.EqualFold(token.Type(), "Bearer"):
		return fmt.Errorf("a token of type %.40q, not Bearer", token.TokenType)
	case raw == "":
		return nil
	}
	idToken, err := g.verifySigned(ctx, is, raw)
	if err != nil {
		return err
	}
	type origin struct {
		Nonce           string `json:"nonce"`
		AuthorizedParty string `json:"azp"`
		AuthTime        int64  `json:"auth_time"`
	}
	var now, first origin
	if err := errors.Join(idToken.Claims(&now), claimsOf(rec.IDToken, &first)); err != nil {
		return fmt.Errorf("reading the ID token: %w", err)
	}
	switch {
	case idToken.Subject != rec.Subject:
		return errors.New("the ID token has another subject")
	case now.Nonce != "" && now.Nonce != first.Nonce:
		return errors.New("the ID token has another nonce")
	case now.AuthorizedParty != first.AuthorizedParty:
		return errors.New("the ID token has another azp")
	case now.AuthTime != 0 && first.AuthTime != 0 && now.AuthTime != first.AuthTime:
		return errors.New("the ID token is of another sign-in (auth_time)")
	}
	return nil
}

// claimsOf reads an ID token that was verified when it was stored.
func claimsOf(raw string, into any) error {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return errors.New("the session's ID token is not a JWT")
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// revokeKept ends the tokens of a session that is over.
func (g *Gate) revokeKept(is *issuer, secret string, sealed []byte) {
	t, err := g.openTokens(secret, sealed)
	if err != nil {
		g.log.Warn("cannot revoke the tokens of a session that ended", "error", err)
		return
	}
	g.revoke(is, &oauth2.Token{AccessToken: t.Access, RefreshToken: t.Refresh})
}

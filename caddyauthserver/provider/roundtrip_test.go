package provider_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A client built from well-known libraries, which check more than we could
// think of, signs a person in.
func TestSignInWithOrdinaryClient(t *testing.T) {
	s := newServer(t)
	ctx := context.Background()
	op, err := oidc.NewProvider(ctx, s.url)
	if err != nil {
		t.Fatal(err)
	}
	conf := oauth2.Config{
		ClientID: "app", ClientSecret: appSecret, RedirectURL: appRedirect, Endpoint: op.Endpoint(),
		Scopes: []string{"openid", "profile", "email", "groups"},
	}
	b := s.browser()
	u := b.follow(b.get(conf.AuthCodeURL("the state", oidc.Nonce("the nonce"), oauth2.S256ChallengeOption(verifier))))
	q := u.Query()
	if q.Get("state") != "the state" || q.Get("iss") != s.url || q.Get("keep") != "1" || u.Host != "app.example.com" {
		t.Fatalf("redirected to %s", u)
	}
	tok, err := conf.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	idToken, err := op.Verifier(&oidc.Config{ClientID: "app", Now: s.clock.now}).Verify(ctx, tok.Extra("id_token").(string))
	if err != nil {
		t.Fatal(err)
	}
	if err := idToken.VerifyAccessToken(tok.AccessToken); err != nil {
		t.Error(err)
	}
	var claims map[string]any
	if err := idToken.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if idToken.Nonce != "the nonce" || idToken.Subject != "1" || claims["auth_time"] != float64(s.clock.now().Unix()) || claims["sid"] == nil || claims["email"] != nil {
		t.Errorf("claims %v", claims)
	}
	info, err := op.UserInfo(ctx, conf.TokenSource(ctx, tok))
	if err != nil {
		t.Fatal(err)
	}
	if info.Subject != "1" || info.Email != "alice@example.com" || !info.EmailVerified {
		t.Errorf("userinfo %+v", info)
	}
	if s.call("GET", "/o/userinfo", "Bearer "+tok.AccessToken, nil).StatusCode != http.StatusOK {
		t.Error("userinfo refused")
	}
}

package provider

import (
	"slices"

	"github.com/caddyito/caddyito/store"
)

// The ways to prove who one is (RFC 8176 section 2), as sessions keep them and ID
// tokens say them.
const (
	amrPassword = "pwd"
	amrOTP      = "otp" // a code of an app, or a recovery code
	amrHardware = "hwk" // a passkey that stays on its device
	amrSoftware = "swk" // a passkey that can be copied to others
	amrMulti    = "mfa" // of several kinds: what one knows or is, and what one has
)

// The authentication context classes there are (acr of OpenID Connect Core section
// 2): who gave a password alone, and who proved it by several factors. The second is
// more than the first.
const (
	acrPassword = "1"
	acrMulti    = "2"
)

// multi says whether a session rests on several factors.
func multi(s *store.Session) bool { return slices.Contains(s.Methods, amrMulti) }

// acrOf is the class that a session reaches.
func acrOf(s *store.Session) string {
	if multi(s) {
		return acrMulti
	}
	return acrPassword
}

// acrFor is the class to say of a session to whom asked for one of those. Who reached
// more than was asked for reached that, too; who did not reach it is said to have
// reached what they did.
func acrFor(s *store.Session, asked []string) string {
	reached := acrOf(s)
	if !slices.Contains(asked, reached) && slices.Contains(asked, acrPassword) {
		return acrPassword
	}
	return reached
}

// amrOfSession says by which methods a session's person proved who they are.
func amrOfSession(s *store.Session) []string {
	if len(s.Methods) == 0 {
		return []string{amrPassword}
	}
	return s.Methods
}

// amrOf says by which methods a family's person proved who they are.
func amrOf(f *store.Family) []string {
	switch {
	case f.ACR == "":
		return nil // nobody was there
	case len(f.Methods) == 0:
		return []string{amrPassword}
	}
	return f.Methods
}

// withFactor are the methods of somebody who proved by others before, and then by a
// second factor.
func withFactor(before []string, factor string) []string {
	if len(before) == 0 {
		before = []string{amrPassword}
	}
	all := slices.Clone(before)
	for _, m := range []string{factor, amrMulti} {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

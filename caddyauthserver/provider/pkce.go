package provider

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"regexp"
)

// Of RFC 7636: a challenge is the base64url of a SHA-256 (section 4.2), a
// verifier 43 to 128 unreserved characters (section 4.1).
var (
	challengeGrammar = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	verifierGrammar  = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)
)

// checkChallenge looks at the challenge of an authorization request. The method
// must be named: left out, it would mean "plain" (section 4.3).
func checkChallenge(challenge, method string, required bool) *oauthError {
	switch {
	case challenge == "" && method == "" && !required:
		return nil
	case challenge == "":
		return &oauthError{code: "invalid_request", description: "code_challenge is missing: this client must use PKCE (RFC 7636)"}
	case method != "S256":
		return &oauthError{code: "invalid_request", description: "code_challenge_method must be S256"}
	case !challengeGrammar.MatchString(challenge):
		return &oauthError{code: "invalid_request", description: "code_challenge must be the base64url of a SHA-256"}
	}
	return nil
}

// checkVerifier compares a verifier with the challenge that the code is bound
// to. A verifier for a code without challenge is refused too, since somebody
// took the challenge away (RFC 9700 section 4.8.2).
func checkVerifier(challenge, verifier string) *oauthError {
	switch {
	case challenge == "" && verifier == "":
		return nil
	case challenge == "":
		return invalidGrant("code_verifier for a code that has no code_challenge")
	case verifier == "":
		return &oauthError{code: "invalid_request", description: "code_verifier is missing"}
	case !verifierGrammar.MatchString(verifier):
		return &oauthError{code: "invalid_request", description: "code_verifier must be 43 to 128 unreserved characters"}
	}
	sum := sha256.Sum256([]byte(verifier))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(got), []byte(challenge)) != 1 {
		return invalidGrant("code_verifier does not match")
	}
	return nil
}

func invalidGrant(description string) *oauthError {
	return &oauthError{code: "invalid_grant", description: description}
}

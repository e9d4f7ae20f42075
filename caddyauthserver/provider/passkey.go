package provider

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/caddyito/caddyito/store"
)

// A passkey answers a challenge of a page, as part of its form (pages/passkey.js).
// Nothing is kept of a challenge until it is answered: it carries its end, and a MAC
// over that, what it is for, and the browser's CSRF cookie. The first right answer
// marks it as used.

// challengeLifetime is how long a page may wait for the answer: conditional UI waits
// as long as the page is open.
const challengeLifetime = time.Hour

// challengeMark is the kind of marks of challenges that were answered.
const challengeMark = "passkey-challenge"

// maxPasskeyAnswer is the longest answer that is looked at, in bytes.
const maxPasskeyAnswer = 16 << 10

// challengeRandom is how many bytes of a challenge are random.
const challengeRandom = 16

// newPasskeys is nil where there can be none: a passkey belongs to a name, not to an
// IP address.
func newPasskeys(issuer, name string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return nil, nil
	}
	if name == "" {
		name = host
	}
	return webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: name, RPOrigins: []string{issuer},
		AttestationPreference: protocol.PreferNoAttestation, // which maker's it is, is nothing to us
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred,
		},
	})
}

// passkeyUser is how the library sees a user.
type passkeyUser struct {
	user    *store.User
	factors []*store.Factor
}

var _ webauthn.User = (*passkeyUser)(nil)

// WebAuthnID is the user handle. An id is never given again.
func (u *passkeyUser) WebAuthnID() []byte { return []byte(strconv.FormatInt(u.user.ID, 10)) }

func (u *passkeyUser) WebAuthnName() string        { return u.user.Username }
func (u *passkeyUser) WebAuthnDisplayName() string { return u.user.Name() }

func (u *passkeyUser) WebAuthnCredentials() (all []webauthn.Credential) {
	for _, f := range u.factors {
		if f.Kind != store.FactorPasskey {
			continue
		}
		c := webauthn.Credential{ID: f.Passkey.CredentialID, PublicKey: f.Passkey.PublicKey}
		c.Flags.BackupEligible, c.Flags.BackupState = f.Passkey.BackupEligible, f.Passkey.BackedUp
		c.Authenticator.AAGUID, c.Authenticator.SignCount = f.Passkey.AAGUID, f.Passkey.SignCount
		for _, t := range f.Passkey.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		all = append(all, c)
	}
	return all
}

func (u *passkeyUser) descriptors() (all []protocol.CredentialDescriptor) {
	for _, c := range u.WebAuthnCredentials() {
		all = append(all, c.Descriptor())
	}
	return all
}

// factorOf is the factor of a credential.
func (u *passkeyUser) factorOf(credential []byte) *store.Factor {
	for _, f := range u.factors {
		if f.Kind == store.FactorPasskey && bytes.Equal(f.Passkey.CredentialID, credential) {
			return f
		}
	}
	return nil
}

// newChallenge is one for a page of this purpose in this browser.
func (p *Provider) newChallenge(w http.ResponseWriter, r *http.Request, purpose string) []byte {
	b := make([]byte, challengeRandom, 56)
	rand.Read(b) // never fails (crypto/rand)
	b = binary.BigEndian.AppendUint64(b, uint64(p.now().Add(challengeLifetime).UnixMicro()))
	return append(b, p.challengeMAC(b, p.browserSecret(w, r), purpose)...)
}

func (p *Provider) challengeMAC(challenge []byte, browser, purpose string) []byte {
	m := hmac.New(sha256.New, p.challengeKey[:])
	m.Write(challenge)
	m.Write([]byte{byte(len(browser))})
	m.Write([]byte(browser))
	m.Write([]byte(purpose))
	return m.Sum(nil)
}

// errWrongPasskey says that an answer is none that counts; errStaleChallenge that it
// is to a challenge that is over, or of another page or browser.
var (
	errWrongPasskey   = errors.New("wrong passkey")
	errStaleChallenge = errors.New("the challenge is over")
)

// checkChallenge finds out whether an answer is to a challenge of this purpose, as it
// stands in what the browser collected, and returns what marks it as used.
func (p *Provider) checkChallenge(r *http.Request, answered, purpose string) (spend func(store.WriteTx) error, err error) {
	b, err := base64.RawURLEncoding.DecodeString(answered)
	if err != nil || len(b) != challengeRandom+8+sha256.Size {
		return nil, errStaleChallenge
	}
	said, mac := b[:challengeRandom+8], b[challengeRandom+8:]
	end := time.UnixMicro(int64(binary.BigEndian.Uint64(said[challengeRandom:]))).UTC()
	browser := cookie(r, p.cookies.csrf)
	if len(browser) != secretLen || !hmac.Equal(mac, p.challengeMAC(said, browser, purpose)) || !p.now().Before(end) {
		return nil, errStaleChallenge
	}
	id := base64.RawURLEncoding.EncodeToString(said[:challengeRandom])
	return func(tx store.WriteTx) error {
		err := tx.MarkUsed(challengeMark, id, end)
		if errors.Is(err, store.ErrSpent) {
			return errStaleChallenge
		}
		return err
	}, nil
}

// asText is what a page gives to its script.
func asText(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// passkeyForLogin is what the sign-in page asks of any passkey: that it knows for whom
// it is, and that the person is at it (by a finger, a face or a PIN), since it comes
// alone. "" where there are no passkeys.
func (p *Provider) passkeyForLogin(w http.ResponseWriter, r *http.Request) (string, error) {
	if p.passkeys == nil {
		return "", nil
	}
	asked, _, err := p.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithChallenge(p.newChallenge(w, r, passkeyLogin)))
	if err != nil {
		return "", fmt.Errorf("asking for a passkey: %w", err)
	}
	return asText(asked.Response)
}

// passkeyLogin is the purpose of challenges of the sign-in page.
const passkeyLogin = "passkey login"

// passkeyForFactor is what is asked of a passkey of somebody who is known. "" if they
// have none.
func (p *Provider) passkeyForFactor(w http.ResponseWriter, r *http.Request, who *asking) (string, error) {
	if p.passkeys == nil || !hasKind(who.factors, store.FactorPasskey) {
		return "", nil
	}
	asked, _, err := p.passkeys.BeginLogin(&passkeyUser{who.user, who.factors}, webauthn.WithChallenge(p.newChallenge(w, r, "passkey "+who.purpose())))
	if err != nil {
		return "", fmt.Errorf("asking for a passkey: %w", err)
	}
	return asText(asked.Response)
}

// passkeyAnswer is the answer of a passkey that is right.
type passkeyAnswer struct {
	user   *store.User
	factor *store.Factor
	count  uint32
	backed bool
	spend  func(store.WriteTx) error // the challenge
}

// method is what to call it.
func (a *passkeyAnswer) method() string {
	if a.factor.Passkey.BackupEligible {
		return amrSoftware
	}
	return amrHardware
}

// accept writes that the passkey was used.
func (a *passkeyAnswer) accept(tx store.WriteTx, now time.Time) error {
	if err := a.spend(tx); err != nil {
		return err
	}
	err := store.UsePasskey(tx, a.user.ID, a.factor.ID, a.count, a.backed, now)
	if errors.Is(err, store.ErrSpent) || errors.Is(err, store.ErrNotFound) {
		return errWrongPasskey
	}
	return err
}

// checkPasskey looks at what the page posted. who is whose passkey it must be; nil: it
// says so itself, and the person was at it.
func (p *Provider) checkPasskey(r *http.Request, raw, purpose string, who *asking) (*passkeyAnswer, error) {
	if p.passkeys == nil || len(raw) > maxPasskeyAnswer {
		return nil, errWrongPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(raw))
	if err != nil {
		return nil, errWrongPasskey
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	spend, err := p.checkChallenge(r, challenge, purpose)
	if err != nil {
		return nil, err
	}
	session := webauthn.SessionData{Challenge: challenge, RelyingPartyID: p.passkeys.Config.RPID}
	var user *passkeyUser
	var credential *webauthn.Credential
	if who != nil {
		user = &passkeyUser{who.user, who.factors}
		session.UserID, session.UserVerification = user.WebAuthnID(), protocol.VerificationPreferred
		for _, d := range user.descriptors() {
			session.AllowedCredentialIDs = append(session.AllowedCredentialIDs, d.CredentialID)
		}
		credential, err = p.passkeys.ValidateLogin(user, session, parsed)
	} else {
		var failed error
		session.UserVerification = protocol.VerificationRequired
		_, credential, err = p.passkeys.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			if user, failed = p.byHandle(r, string(handle)); failed != nil || user == nil {
				return nil, errWrongPasskey
			}
			return user, nil
		}, session, parsed)
		if failed != nil {
			return nil, failed
		}
	}
	if err != nil {
		p.Logger.Info("passkey refused", "error", err, "client_ip", p.ClientIP(r))
		return nil, errWrongPasskey
	}
	a := &passkeyAnswer{
		user: user.user, factor: user.factorOf(credential.ID), count: parsed.Response.AuthenticatorData.Counter,
		backed: parsed.Response.AuthenticatorData.Flags.HasBackupState(), spend: spend,
	}
	if credential.Authenticator.CloneWarning {
		p.Logger.Warn("a passkey counts backwards: there may be two of it", "user_id", a.user.ID, "factor", a.factor.Name)
		return nil, errWrongPasskey
	}
	return a, nil
}

// byHandle is the user of a user handle; nil if there is none who may sign in.
func (p *Provider) byHandle(r *http.Request, handle string) (*passkeyUser, error) {
	id, err := strconv.ParseInt(handle, 10, 64)
	if err != nil {
		return nil, nil
	}
	u := new(passkeyUser)
	err = p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		if u.user, err = activeUser(tx, id); err != nil {
			return err
		}
		u.factors, err = tx.Factors(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the passkey's user: %w", err)
	}
	return u, nil
}

// passkeyAttempts names the buckets of answers that are wrong. They cannot be guessed,
// but to look at one costs something, and nothing else says who it is from.
func (p *Provider) passkeyAttempts(r *http.Request) []attempt {
	ip := p.ClientIP(r)
	return []attempt{{networkLimit, "passkey " + networkOf(ip)}, {siteLimit, "passkey " + siteOf(ip)}}
}

// loginByPasskey signs in whose passkey answered, without a password: it is something
// that they have, and something that they know or are.
func (p *Provider) loginByPasskey(r *http.Request, raw string, remember, add bool) (kept []*signedIn, err error) {
	attempts := p.passkeyAttempts(r)
	if wait := p.limits.take(attempts...); wait > 0 {
		return nil, &tooManyError{wait}
	}
	a, err := p.checkPasskey(r, raw, passkeyLogin, nil)
	if err != nil {
		if errors.Is(err, errWrongPasskey) {
			p.meter.failedSignIns.Add(1)
			p.failures.add(r, nil) // whose it says that it is, proves nothing
		}
		return nil, err
	}
	p.limits.refund(attempts...)
	s, id := p.newSession(r, a.user.ID, remember)
	s.Methods, s.FactorTime = []string{a.method(), amrMulti}, s.AuthTime
	err = p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		u, err := activeUser(tx, a.user.ID)
		if errors.Is(err, store.ErrNotFound) {
			return errWrongPasskey
		}
		if err != nil {
			return fmt.Errorf("reading user: %w", err)
		}
		if err := a.accept(tx, s.AuthTime); err != nil {
			return err
		}
		kept, err = p.openSession(tx, r, u, s, id, add)
		return err
	})
	return kept, err
}

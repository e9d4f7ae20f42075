package provider

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// passkeyAdd is the purpose of challenges of the page that adds a passkey.
func passkeyAdd(v *factorVisit) string { return "passkey add\x00" + string(v.in.session.Hash[:]) }

// passkeyURL is where one is added, "" where there can be none.
func (p *Provider) passkeyURL(goOn string) string {
	if p.passkeys == nil {
		return ""
	}
	return p.securityURL("/passkey", goOn)
}

// showNewPasskey asks the browser for a passkey, of those that the person does not
// have yet.
func (p *Provider) showNewPasskey(w http.ResponseWriter, r *http.Request, v *factorVisit, problem lang.Text) error {
	user := &passkeyUser{user: v.in.user}
	err := p.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		user.factors, err = tx.Factors(v.in.user.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading factors: %w", err)
	}
	challenge := p.newChallenge(w, r, passkeyAdd(v))
	asked, _, err := p.passkeys.BeginRegistration(user, webauthn.WithExclusions(user.descriptors()),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = challenge
			return nil
		})
	if err != nil {
		return fmt.Errorf("asking for a new passkey: %w", err)
	}
	options, err := asText(asked.Response)
	if err != nil {
		return err
	}
	p.pages.NewPasskey(w, statusOf(problem), pages.NewPasskey{
		Action: p.path("account/security/passkey"), CSRF: p.csrfToken(w, r, v.purpose()), Continue: v.goOn, Error: problem,
		Passkey: options, Name: v.values.Get("name"), BackURL: p.securityURL("", v.goOn),
	})
	return nil
}

// addPasskey takes one that the browser made.
func (p *Provider) addPasskey(w http.ResponseWriter, r *http.Request, v *factorVisit) error {
	f, spend, err := p.newPasskey(r, v)
	if err == nil {
		f.Name = factorName(v.values.Get("name"), browserName(r.UserAgent()).String())
		method := (&passkeyAnswer{factor: f}).method()
		err = p.addFactor(w, r, v, f, method, spend)
	}
	if _, taken := errors.AsType[*store.ConflictError](err); taken || errors.Is(err, errWrongPasskey) {
		return p.showNewPasskey(w, r, v, lang.T("This passkey could not be added. Please try again."))
	}
	if errors.Is(err, errStaleChallenge) {
		return p.showNewPasskey(w, r, v, staleForm)
	}
	return err
}

// newPasskey reads what the page posted.
func (p *Provider) newPasskey(r *http.Request, v *factorVisit) (*store.Factor, func(store.WriteTx) error, error) {
	raw := v.values.Get("passkey")
	if len(raw) > maxPasskeyAnswer {
		return nil, nil, errWrongPasskey
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(raw))
	if err != nil {
		return nil, nil, errWrongPasskey
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	spend, err := p.checkChallenge(r, challenge, passkeyAdd(v))
	if err != nil {
		return nil, nil, err
	}
	user := &passkeyUser{user: v.in.user}
	c, err := p.passkeys.CreateCredential(user, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: p.passkeys.Config.RPID, UserID: user.WebAuthnID(),
		UserVerification: protocol.VerificationPreferred, CredParams: webauthn.CredentialParametersDefault(),
	}, parsed)
	if err != nil {
		p.Logger.Info("new passkey refused", "error", err, "user_id", v.in.user.ID)
		return nil, nil, errWrongPasskey
	}
	f := &store.Factor{Kind: store.FactorPasskey, Passkey: &store.Passkey{
		CredentialID: c.ID, PublicKey: c.PublicKey, SignCount: c.Authenticator.SignCount, AAGUID: c.Authenticator.AAGUID,
		BackupEligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState,
	}}
	for _, t := range c.Transport {
		if known(t) {
			f.Passkey.Transports = append(f.Passkey.Transports, string(t))
		}
	}
	return f, spend, nil
}

// known says whether a transport is one there is: what is kept goes back to pages.
func known(t protocol.AuthenticatorTransport) bool {
	switch t {
	case protocol.USB, protocol.NFC, protocol.BLE, protocol.Hybrid, protocol.SmartCard, protocol.Internal:
		return true
	}
	return false
}

package provider

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/caddyito/caddyito/store"
)

// Codes of an app are those that every app makes: SHA-1, six digits, half a minute
// (RFC 6238 with what its defaults became). SHA-1 is not broken as it is used there.
const (
	totpPeriod = 30 * time.Second
	totpSkew   = 1 // steps that clocks may be apart, both ways
	totpDigits = otp.DigitsSix
)

// checkTOTP finds the app that shows the code.
func (p *Provider) checkTOTP(who *asking, typed string) (*factorProof, error) {
	code := strings.ReplaceAll(strings.TrimSpace(typed), " ", "")
	if len(code) != totpDigits.Length() || strings.Trim(code, "0123456789") != "" {
		return nil, errWrongFactor
	}
	for _, f := range who.factors {
		if f.Kind != store.FactorTOTP {
			continue
		}
		secret, err := p.MasterKey.Open(store.TOTPSecretPurpose(f.UserID), f.Sealed)
		if err != nil {
			return nil, err
		}
		step, ok, err := p.stepOf(string(secret), code)
		if err != nil {
			return nil, err
		}
		if !ok || step <= f.LastStep {
			continue
		}
		return &factorProof{method: amrOTP, use: func(tx store.WriteTx, now time.Time) error {
			err := store.UseTOTP(tx, f.UserID, f.ID, step, now)
			if errors.Is(err, store.ErrSpent) || errors.Is(err, store.ErrNotFound) {
				return errWrongFactor
			}
			return err
		}}, nil
	}
	return nil, errWrongFactor
}

// stepOf is the time step, of those that may be now, of which code is the code.
func (p *Provider) stepOf(secret, code string) (step int64, ok bool, err error) {
	now := p.now().Unix() / int64(totpPeriod/time.Second)
	for s := now - totpSkew; s <= now+totpSkew; s++ {
		right, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, fmt.Errorf("making the code of an app: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(right), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok, nil
}

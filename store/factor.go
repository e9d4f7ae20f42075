package store

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FactorKind is a way to prove to be oneself besides a password.
type FactorKind string

const (
	FactorTOTP    FactorKind = "totp"    // an app that shows a code each half minute (RFC 6238)
	FactorPasskey FactorKind = "passkey" // a key pair on a device or in a password manager (WebAuthn)
)

// Factor is something that a user has: an app with codes, or a passkey. Like a
// Credential it is apart from User, so that it cannot travel with it.
type Factor struct {
	UserID int64      `json:"user_id"`
	ID     string     `json:"id"` // among those of the user; random
	Kind   FactorKind `json:"kind"`
	Name   string     `json:"name,omitempty"` // as its owner calls it
	// LastUsed is zero before the first time.
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used,omitzero"`

	// Sealed is the secret of FactorTOTP, sealed with TOTPSecretPurpose.
	Sealed []byte `json:"sealed,omitempty"`
	// LastStep is the time step of the last code that was taken. No step counts
	// twice, nor one before it (RFC 6238 section 5.2).
	LastStep int64 `json:"last_step,omitempty"`

	// Passkey is there for FactorPasskey alone.
	Passkey *Passkey `json:"passkey,omitempty"`
}

// Passkey is the public half of a WebAuthn credential, with what the authenticator
// said of it (WebAuthn section 4, credential record).
type Passkey struct {
	CredentialID []byte `json:"credential_id"`
	PublicKey    []byte `json:"public_key"` // COSE_Key
	// SignCount of the last answer; 0 where the authenticator does not count.
	SignCount uint32 `json:"sign_count,omitempty"`
	AAGUID    []byte `json:"aaguid,omitempty"`
	// Transports by which the browser reached it, as hints for the next time.
	Transports []string `json:"transports,omitempty"`
	// BackupEligible passkeys can be on several devices, BackedUp ones are.
	BackupEligible bool `json:"backup_eligible,omitempty"`
	BackedUp       bool `json:"backed_up,omitempty"`
}

// TOTPSecretPurpose is the purpose under which a user's secret is sealed; it binds
// the secret to the user.
func TOTPSecretPurpose(userID int64) string { return "totp/" + strconv.FormatInt(userID, 10) }

// FactorReader reads factors.
type FactorReader interface {
	Factor(userID int64, id string) (*Factor, error)
	// Factors lists those of a user, the oldest first.
	Factors(userID int64) ([]*Factor, error)
	// RecoveryCodes lists the hashes of a user's codes that were not used yet.
	RecoveryCodes(userID int64) ([]Hash, error)
}

// FactorWriter writes factors and recovery codes. Neither is part of the feed.
// DeleteUser deletes both.
type FactorWriter interface {
	// PutFactor creates or replaces. A *ConflictError names credential_id where
	// another factor, of anybody, has the passkey.
	PutFactor(*Factor) error
	// DeleteFactor returns ErrNotFound if it is already gone.
	DeleteFactor(userID int64, id string) error
	// PutRecoveryCodes has these in the place of all the user had; none is fine.
	PutRecoveryCodes(userID int64, codes []Hash) error
	// SpendRecoveryCode takes a code away; ErrNotFound if it is not one, or spent.
	// Of any number of parallel transactions one succeeds.
	SpendRecoveryCode(userID int64, code Hash) error
}

// UseTOTP notes that a code of that time step was taken. ErrSpent unless the
// step is later than every one before, ErrNotFound if the factor is gone.
func UseTOTP(tx interface {
	FactorReader
	FactorWriter
}, userID int64, id string, step int64, now time.Time) error {
	f, err := tx.Factor(userID, id)
	if err != nil {
		return err
	}
	if step <= f.LastStep {
		return ErrSpent
	}
	f.LastStep, f.LastUsed = step, now
	return tx.PutFactor(f)
}

// UsePasskey notes an answer of a passkey. ErrSpent if the passkey counts and
// its count did not grow: then there are two of it (WebAuthn section 6.1.1).
func UsePasskey(tx interface {
	FactorReader
	FactorWriter
}, userID int64, id string, count uint32, backedUp bool, now time.Time) error {
	f, err := tx.Factor(userID, id)
	if err != nil {
		return err
	}
	if f.Passkey == nil {
		return fmt.Errorf("factor %s of user %d is no passkey", id, userID)
	}
	if (count > 0 || f.Passkey.SignCount > 0) && count <= f.Passkey.SignCount {
		return ErrSpent
	}
	f.Passkey.SignCount, f.Passkey.BackedUp, f.LastUsed = count, backedUp, now
	return tx.PutFactor(f)
}

// RemoveFactor deletes a factor, and with the last one the recovery codes, which
// would lead nowhere.
func RemoveFactor(tx interface {
	FactorReader
	FactorWriter
}, userID int64, id string) error {
	if err := tx.DeleteFactor(userID, id); err != nil {
		return err
	}
	left, err := tx.Factors(userID)
	if err != nil || len(left) > 0 {
		return err
	}
	return tx.PutRecoveryCodes(userID, nil)
}

// ResetFactors deletes all factors and recovery codes of a user, and says how many
// factors there were.
func ResetFactors(tx interface {
	FactorReader
	FactorWriter
}, userID int64) (int, error) {
	all, err := tx.Factors(userID)
	if err != nil {
		return 0, err
	}
	for _, f := range all {
		if err := tx.DeleteFactor(userID, f.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return 0, err
		}
	}
	return len(all), tx.PutRecoveryCodes(userID, nil)
}

// RecoveryCodeCount is how many codes a user gets at once.
const RecoveryCodeCount = 10

// recoveryAlphabet leaves out what is easily misread (I, L, O, U; after Crockford).
const recoveryAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var recoveryEncoding = base32.NewEncoding(recoveryAlphabet).WithPadding(base32.NoPadding)

// NewRecoveryCodes makes codes, as people see them and as they are kept. Each has 80
// bits, so that a fast hash hides them.
func NewRecoveryCodes() (shown []string, kept []Hash) {
	for range RecoveryCodeCount {
		var b [10]byte
		rand.Read(b[:]) // never fails (crypto/rand)
		code := recoveryEncoding.EncodeToString(b[:])
		shown = append(shown, strings.Join([]string{code[:4], code[4:8], code[8:12], code[12:]}, "-"))
		kept = append(kept, HashOf(code))
	}
	return shown, kept
}

// RecoveryCode is the hash of a code as somebody typed it, with whatever case,
// spaces and hyphens; ok is false for what cannot be one.
func RecoveryCode(typed string) (code Hash, ok bool) {
	if len(typed) > 100 {
		return Hash{}, false
	}
	text := strings.Map(func(c rune) rune {
		switch c {
		case ' ', '-', '\t', '\u00a0', '\u2010', '\u2011', '\u2013':
			return -1
		case 'i', 'I', 'l', 'L':
			return '1'
		case 'o', 'O':
			return '0'
		}
		return c
	}, typed)
	text = strings.ToUpper(text)
	if len(text) != 16 || strings.Trim(text, recoveryAlphabet) != "" {
		return Hash{}, false
	}
	return HashOf(text), true
}

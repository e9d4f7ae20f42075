package provider

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// provenLogin is who proved to be themself.
type provenLogin struct {
	user     *store.User
	verified string // the hash that the password was checked against
	rehashed string // what is to take its place, or ""
}

// checkLogin checks name and password. Whatever is wrong, the work is the same.
func (p *Provider) checkLogin(r *http.Request, name, pw string) (*provenLogin, error) {
	ctx := r.Context()
	u, hash, err := p.findLogin(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("finding user: %w", err)
	}
	attempts, whole := p.attemptsOf(r, name, u)
	if wait := p.limits.take(attempts...); wait > 0 {
		p.meter.failedSignIns.Add(1)
		p.failures.add(r, u)
		p.Logger.Warn("too many attempts to sign in", "client_ip", p.ClientIP(r))
		return nil, &tooManyError{wait}
	}
	if p.limits.take(whole...) == 0 {
		attempts = append(attempts, whole...)
	} else {
		// To say so would tell that the name that is typed, and one at which somebody
		// guesses, are of one account.
		p.Logger.Warn("too many attempts to sign in to an account", "user_id", u.ID, "client_ip", p.ClientIP(r))
		hash = ""
	}
	var ok, outdated bool
	if hash == "" {
		err = p.passwords.Dummy(ctx, pw)
	} else {
		ok, outdated, err = p.passwords.Verify(ctx, hash, pw)
	}
	if errors.Is(err, password.ErrMalformed) {
		p.Logger.Error("cannot read a password hash", "user_id", u.ID, "error", err)
		ok, err = false, nil
	}
	if err != nil {
		p.limits.refund(attempts...)
		return nil, err
	}
	if !ok || !u.IsActive {
		p.meter.failedSignIns.Add(1)
		p.failures.add(r, u)
		p.Logger.Info("sign-in failed", "known_user", u != nil, "client_ip", p.ClientIP(r))
		return nil, errWrongLogin
	}
	p.limits.refund(attempts...)
	proven := &provenLogin{user: u, verified: hash}
	if outdated {
		if proven.rehashed, err = p.passwords.Hash(ctx, pw); err != nil {
			p.Logger.Warn("cannot renew a password hash", "user_id", u.ID, "error", err)
		}
	}
	return proven, nil
}

// findLogin finds a user by name or e-mail address, with the password's hash.
// Without such a user both are zero.
func (p *Provider) findLogin(ctx context.Context, name string) (u *store.User, hash string, err error) {
	if len(name) > 1024 {
		return nil, "", nil
	}
	name = password.NormalUsername(name)
	err = p.Store.View(ctx, func(tx store.ReadTx) error {
		var err error
		u, hash = nil, ""
		found, err := tx.UserByUsername(name)
		if errors.Is(err, store.ErrNotFound) && strings.Contains(name, "@") {
			found, err = tx.UserByEmail(name)
		}
		if err != nil {
			return err
		}
		c, err := tx.Credential(found.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			hash = c.PasswordHash
		}
		u = found
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", nil
	}
	return u, hash, err
}

// attemptsOf names the buckets in which an attempt counts. All spellings of a name
// count as one, and unknown names count like known ones. A name is remembered by its
// hash: it is as long as a stranger likes, and NFKC makes some characters eighteen
// times as long. whole is that of the account, by whichever of its names: what is full
// there is not told.
func (p *Provider) attemptsOf(r *http.Request, name string, u *store.User) (attempts, whole []attempt) {
	account := "name"
	if len(name) <= 1024 {
		sum := sha256.Sum256([]byte(password.CanonicalLogin(name)))
		account = "name " + string(sum[:])
	}
	if u != nil {
		if mark, ok := p.knownBrowser(r, u.ID); ok {
			return []attempt{{accountLimit, "device " + mark}}, nil
		}
		whole = []attempt{{bothNamesLimit, "user " + strconv.FormatInt(u.ID, 10)}}
	}
	return []attempt{
		{accountLimit, account},
		{networkLimit, networkOf(p.ClientIP(r))},
		{siteLimit, siteOf(p.ClientIP(r))},
		{overallLimit, ""},
	}, whole
}

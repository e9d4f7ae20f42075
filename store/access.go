package store

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Access is what a person lets a client have: what they agreed to, and what it got.
type Access struct {
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes"`
	// Since is when they first agreed, or else when it got the oldest of what it has.
	Since time.Time `json:"since"`
	// Tokens: it has some that live. Offline: also for while the person is away.
	Tokens  bool `json:"tokens"`
	Offline bool `json:"offline"`
}

// AccessOf lists the clients that a person lets have something, by ID.
func AccessOf(tx interface {
	ConsentReader
	GrantReader
}, userID int64, now time.Time) ([]*Access, error) {
	byClient := map[string]*Access{}
	at := func(clientID string, since time.Time) *Access {
		a := byClient[clientID]
		if a == nil {
			a = &Access{ClientID: clientID, Since: since}
			byClient[clientID] = a
		}
		if since.Before(a.Since) {
			a.Since = since
		}
		return a
	}
	consents, err := tx.Consents(userID)
	if err != nil {
		return nil, err
	}
	for _, c := range consents {
		at(c.ClientID, c.GrantedAt).add(c.Scopes)
	}
	families, err := tx.Families(userID)
	if err != nil {
		return nil, err
	}
	for _, f := range families {
		if !now.Before(f.ExpiresAt) {
			continue
		}
		a := at(f.ClientID, f.CreatedAt)
		a.add(f.Scopes)
		a.Tokens, a.Offline = true, a.Offline || slices.Contains(f.Scopes, "offline_access")
	}
	list := make([]*Access, 0, len(byClient))
	for _, a := range byClient {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *Access) int { return strings.Compare(a.ClientID, b.ClientID) })
	return list, nil
}

func (a *Access) add(scopes []string) {
	for _, s := range scopes {
		if !slices.Contains(a.Scopes, s) {
			a.Scopes = append(a.Scopes, s)
		}
	}
}

// EndAccess takes back what a person gave a client: what they agreed to, every token,
// also those for while they are away, and where they are signed in there.
// ErrNotFound if there is nothing of that.
func EndAccess(tx interface {
	ConsentWriter
	GrantReader
	GrantWriter
	LogoutReader
	LogoutWriter
}, userID int64, clientID string, now time.Time) error {
	err := tx.DeleteConsent(userID, clientID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	found := err == nil
	families, err := tx.Families(userID)
	if err != nil {
		return err
	}
	for _, f := range families {
		if f.ClientID != clientID {
			continue
		}
		found = true
		if err := tx.DeleteFamily(f.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	err = QueueLogouts(tx, strconv.FormatInt(userID, 10), func(s *SignIn) bool {
		found = found || s.ClientID == clientID
		return s.ClientID == clientID
	}, now)
	if err == nil && !found {
		err = ErrNotFound
	}
	return err
}

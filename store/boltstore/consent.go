package boltstore

import "github.com/caddyito/caddyito/store"

// A consent is kept behind the epoch of its client (see DeleteClient).
const consentHead = 8

func consentKey(userID int64, clientID string) []byte {
	return append(idKey(userID), clientID...)
}

func (r *readTx) Consent(userID int64, clientID string) (*store.Consent, error) {
	v := r.get(bConsent, consentKey(userID, clientID))
	if v == nil || number(v) != r.epoch(clientID) {
		return nil, store.ErrNotFound
	}
	return decode[store.Consent](bConsent, v[consentHead:])
}

func (r *readTx) Consents(userID int64) (consents []*store.Consent, err error) {
	r.scan(bConsent, idKey(userID), nil, func(k, v []byte) bool {
		if number(v) != r.epoch(string(k[8:])) {
			return true
		}
		var c *store.Consent
		if c, err = decode[store.Consent](bConsent, v[consentHead:]); err != nil {
			return false
		}
		consents = append(consents, c)
		return true
	})
	return consents, err
}

func (w *writeTx) PutConsent(c *store.Consent) error {
	if err := check("the client of a consent", c.ClientID); err != nil {
		return err
	}
	n := *c
	n.GrantedAt = normal(c.GrantedAt)
	value, err := encode(bConsent, be64(w.epoch(c.ClientID)), &n)
	if err != nil {
		return err
	}
	return w.put(bConsent, consentKey(c.UserID, c.ClientID), value)
}

func (w *writeTx) DeleteConsent(userID int64, clientID string) error {
	key := consentKey(userID, clientID)
	if v := w.get(bConsent, key); v == nil || number(v) != w.epoch(clientID) {
		return store.ErrNotFound
	}
	return w.del(bConsent, key)
}

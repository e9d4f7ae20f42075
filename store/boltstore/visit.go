package boltstore

// visitKey is the prefix of the visits at a client since it was last deleted.
func (r *readTx) visitKey(clientID string) []byte {
	return append(part(newKey(len(clientID)+16), clientID), be64(r.epoch(clientID))...)
}

func (r *readTx) Visited(clientID string, userID int64) (bool, error) {
	return r.get(bVisit, append(r.visitKey(clientID), idKey(userID)...)) != nil, nil
}

func (w *writeTx) PutVisit(clientID string, userID int64) error {
	if err := check("the id of a client", clientID); err != nil {
		return err
	}
	return w.put(bVisit, append(w.visitKey(clientID), idKey(userID)...), present)
}

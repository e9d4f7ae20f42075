package boltstore

import (
	"bytes"
	"strconv"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// listedAtOnce is how many records are listed in one commit. Their versions lie
// anywhere, so a commit writes many pages, and the fewer commits the better; this
// many take some 50 MB.
const listedAtOnce = 100_000

// listMirrorRecords lists the records of mirrors by version where that was not
// yet done (before format 3). It may be killed, and is then done once more.
func listMirrorRecords(db *bbolt.DB, atOnce int) error {
	var from []byte
	for more := true; more; {
		var rows [][]byte
		err := db.View(func(tx *bbolt.Tx) error {
			r := &readTx{tx: tx}
			if f, err := strconv.Atoi(string(r.get(bMeta, keyFormat))); err != nil || f >= 3 {
				return err
			}
			alive := map[string]bool{} // what is of others, Sweep removes
			r.scan(bMirror, nil, nil, func(_, v []byte) bool {
				alive[string(v[:mirrorNumber])] = true
				return true
			})
			var failed error
			r.scan(bMirrorRecord, nil, from, func(k, v []byte) bool {
				var rec *store.Record
				if rec, failed = decodeRecord(v); failed != nil {
					return false
				}
				from = append(bytes.Clone(k), 0)
				if rec.Version != 0 && alive[string(k[:mirrorNumber])] {
					rows = append(rows, changeKey(k[:mirrorNumber:mirrorNumber], rec))
				}
				return len(rows) < atOnce
			})
			return failed
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		more = len(rows) == atOnce
		err = db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(bucketNames[bMirrorChange]))
			for _, row := range rows {
				if err := b.Put(row, present); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Package boltstore keeps a store.Store in one file, with bbolt. It is the
// default: nothing to install, one process at a time.
//
//	Update -> commit.go   whoever waits shares a transaction and its fsync
//	View   -> store.go    a read transaction, no waiting
//	          tx.go       buckets, keys, the journal that undoes a closure
//	          user.go ... one file per entity, named as in store/
//	          encoding.go, layout.go   the values that are hot; the rest is JSON
//	          record.go   what users and objects have in common: ids, unique
//	                      values, references, the feed
//	Sweep  -> sweep.go    an index of what expires when
//	Open   -> open.go     what may be wrong with the file, before bbolt sees it
//	          marker.go   the installation's id beside the file
//
// # Layout
//
// There is a bucket per entity and per index, all at the top. Integers in keys
// are big-endian, so that keys sort as numbers do; a string that is not the last
// part of a key has its length in front, so that no two keys can be confused.
// Values have an encoding of their own where they are hot
// and are JSON elsewhere, behind a fixed head where something must be read without
// decoding it. The head of the feed is its last key.
//
// Large deletions are not done at once. A family's tokens, a client's families
// and consents and a mirror's records stop counting the moment the family, the
// client or the mirror goes, because readers look at that first; Sweep removes
// what is left in small transactions.
package boltstore

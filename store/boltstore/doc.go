// Package boltstore keeps a store.Store in one file, with bbolt. It is the
// default: nothing to install, one process at a time.
//
//	Update -> commit.go   whoever waits shares a record of the log and its sync
//	View   -> store.go    a read transaction, no waiting
//	          tx.go       buckets, keys, what a closure wrote and how it is undone
//	          user.go ... one file per entity, named as in store/
//	          encoding.go, layout.go   the values that are hot; the rest is JSON
//	          record.go   what users and objects have in common: ids, unique
//	                      values, references, the feed
//	          search.go   what is searched for, and in which order it is looked at
//	Sweep  -> sweep.go    an index of what expires when
//	Open   -> open.go     what may be wrong with the file, before bbolt sees it
//	          recover.go  what was left in the log
//	          upgrade.go  what an older version did not keep
//	          marker.go   the installation's id beside the file
//
// # The log
//
// A commit of bbolt's writes pages all over the file (18 for one session, 290 for
// 64) and waits twice for the disk. So what is written goes to a log first, a file
// beside the database, and to memory; and from there to the database, much of it
// at a time.
//
//	      Update                          View
//	        |                               ^
//	wal.go  v  one record, one sync         |  newest first
//	path.wal [ half | half ]                |
//	        |                               |
//	        +--> memory.go   recent  -------+   B-trees that never change once
//	                            |           |   they are seen (tree.go)
//	  half full, or 5 s passed  v           |
//	                         older  --------+
//	                            |           |
//	                  flush.go  v           |
//	                         bbolt  --------+
//
// bbolt itself is used as it is meant to be, with every commit synced. The other
// ways to have it wait less were weighed and left: without its syncs, the file is
// whole after a loss of power only if no page of the last synced state is written
// over, which bbolt does not promise and takes a reader held open against it, and
// its meta pages restored by hand; one write transaction kept open over many
// Updates would have readers wait.
//
// What must hold, and why it does:
//
//   - An Update is seen once its record is on the disk, not before.
//   - What is moved is put to bbolt in pieces, in the order of its keys, and covered
//     by older until all of it is there. With the last piece the database notes how
//     far it has come (logMark). Killed before that, all of it is in the log and is
//     moved once more; that gives the same.
//   - A half is written over only when the database has all of it.
//   - A database in use notes the id of its log, and a log the installation of its
//     database. One is not opened without the other, nor with another. When it is
//     closed all is moved, the note says so, and the log is removed.
//   - The memory is bounded by the halves, and so is the log. Who finds both full
//     waits for the one that is being moved. What is larger than a half is written to
//     bbolt directly, after all that came before, and takes a seq as a record does.
//   - A disk writes a sector as a whole or not at all, and those it was not asked to
//     change keep what they have.
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

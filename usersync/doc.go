// Package usersync is the life of a change, from the server's feed to the
// mirrors of its clients:
//
//	server                                          gate
//	------                                          ----
//	store: a change moves its row of the feed
//	   | Watch
//	   v
//	pusher.go   one feeder per client, behind
//	   |        one lease per issuer
//	   v
//	source.go   rows after the client's cursor,
//	view.go     as far as it is told of them
//	   v
//	batch.go    Sign            ---- POST --->      receiver.go
//	claims.go                                          | batch.go, claims.go: Verify
//	pull.go     GET, long poll  <--- GET -----      puller.go
//	                            --- batch --->         v
//	                                                mirror.go: one transaction
//	            cursor          <- feed, upto -     applies what is newer, moves
//	                                                the cursor, ends sessions
//
// The mirror's own (feed, seq) is the truth, and the server's cursor of a client
// a memory of the last answer. Records travel whole and with their version, so a
// batch that comes twice, late or out of order changes nothing. Where a batch
// reaches the head of the feed it carries a digest of all that the mirror should
// hold; a mirror that differs is filled anew beside the old one, and takes its
// place when it is complete.
//
// A client that is no gate may have a format of its own: djangito.go is the feeder
// of Django projects with that package, which have no cursor, so that the server's
// is the truth there, and djangitouser.go how they read a user.
//
// Neighbours: provider serves the pull and names it in its metadata, gate serves
// the push, and what they run in the background is started by their Caddy
// modules. dial.go keeps the server's requests away from where no client is.
package usersync

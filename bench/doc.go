// Command bench measures this project beside plain Caddy, in one run on one
// machine:
//
//	go run ./bench gate       what the gate costs a request
//	go run ./bench sync       how soon a change is in force, what filling costs
//	go run ./bench provider   how many sign-ins and tokens the server gives
//	go run ./bench admin      how quickly its list of users comes
//
// It starts itself again as child processes, each a real "caddy run" with a
// Caddyfile of its own, so that CPU time, allocations and memory are those of
// one variant alone:
//
//	bench (driver)  --- TCP, keep-alive --->  caddy: plain          --->  upstream
//	   |                                      caddy: bench_stub     --->     "
//	   |                                      caddy: auth_client    --->     "
//	   +--- stdin/stdout: control ---------->  (each of them)
//
// The variants are driven in turn, a sixteenth of a second each (a quarter those with
// many users, whose garbage takes long to collect), in an order drawn anew each time, and
// what a variant did in a round is compared with what plain did in the same round; so
// whatever else the machine does falls on all alike. All are started several times, for
// two processes of one program differ, too. The driver shares the cores with what it
// measures, as the upstream does: compare ratios and CPU time, not requests per second
// between machines.
//
// "bench sync" starts fleets: a server and gates, each a Caddy with a store of
// its own, as on as many machines. The driver edits users by the server's admin
// API, and asks the gates, by HTTP with a session, until they decide by the
// edit. Where more clients are wanted than a machine bears Caddys, they are
// light receivers, all in one process; the table says which it was.
//
// "bench provider" has two servers, with few users and with many, do what clients
// and browsers want of one. Codes and tokens that are spent or shown lie in the
// stores from the start, with times that are far off; the clients are registered by
// the admin API. What a password check (bench_hash) and a signature cost by themselves
// is measured in the process of the server, in the same rounds.
//
// By file: gate.go is the subcommand, variants.go what it compares, seed.go
// fills the gate's store; process.go and child.go are the two ends of the
// control line; load.go and response.go drive; histogram.go and stats.go
// count; report.go prints. contest.go gives the rows their turns. sync.go is another
// subcommand, fleet.go and receivers.go what it drives, syncreport.go prints.
// provider.go is the third, providerseed.go fills its stores, errands.go is what it
// asks for, rush.go the crowd, hash.go and signature.go what cannot be had for less, and
// providerreport.go prints. admin.go is the fourth, with servers as the third has.
//
// Its neighbours: everything it measures it takes through Caddy, as a user
// does; only seed.go, fleet.go and providerseed.go reach into store/boltstore, to make
// users and sign them in without 100,000 logins, and receivers.go into usersync.
package main

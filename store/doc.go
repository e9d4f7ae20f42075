// Package store is the domain: what the server and the gates keep, and the
// promises whoever keeps it must hold.
//
//	provider          gate            authapp (admin API, CLI)
//	    \              |              /
//	     \             v             /
//	      +------>   store   <------+        types, validation, contracts
//	               ^    ^    ^
//	       boltstore pgstore storetest       the same file names as here
//
// A file is an entity: what it is, its reader and writer contract, and the
// rules that need more than one of them (SaveUser, ApplyRecord, AcquireLease).
//
// # Transactions
//
// All reading goes through Store.View and all writing through Store.Update.
// Both hand a transaction to a function. What the function did through it takes
// effect as a whole or not at all; what another transaction did meanwhile is
// seen as a whole or not at all. Transactions that write behave as if they ran
// one after the other.
//
// The function may be called more than once (a store may put several callers
// into one commit and has to try again when one of them fails), so it must
// change nothing but through the transaction and assign its results rather than
// append to them. It must not keep the transaction, nor anything it was handed,
// beyond its return, and it must not block: others wait for it. To call the store
// from within the function may wait forever.
//
// When Update returns nil, what was written is durable: it survives the loss of
// power. When it returns an error from the function, nothing was written. When
// it returns any other error, the write may or may not have happened; callers
// that must know read it back. To refuse a request and still write (killing a
// family of tokens upon a replay), assign the refusal to a variable outside and
// return nil.
//
// # Records handed out
//
// Whatever a reader returns belongs to the caller, who may change it. Whatever
// a writer is given is copied before it returns.
//
// # Absence and conflict
//
// A reader asked for one thing that is not there returns ErrNotFound. A writer
// whose record would break a uniqueness rule returns a *ConflictError, and has
// written nothing.
//
// # Time
//
// A store has no clock. Times come from the caller, are kept in UTC and to the
// microsecond. A record past its expiry may still be handed out until it is
// swept: whoever acts on it checks.
package store

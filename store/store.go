package store

import (
	"context"
	"errors"
	"time"
)

// Store keeps everything. It is safe for concurrent use.
type Store interface {
	// View runs fn on a consistent state that includes every Update that
	// returned before View was called. It never waits for writers.
	View(ctx context.Context, fn func(ReadTx) error) error

	// Update runs fn and commits what it wrote; see the package comment for
	// what its errors mean. If ctx ends before fn was called for the first
	// time, fn is not called and ctx's error is returned.
	Update(ctx context.Context, fn func(WriteTx) error) error

	// Watch calls fn after every commit that changed something an Event can
	// name, once for each event, before the Update that made it returns, and
	// (for commits of other processes) within a second. fn must be quick and
	// must not use the store. stop ends the calls; it waits for one under way.
	Watch(fn func(Event)) (stop func())

	// Sweep removes up to limit records that expired before now (sessions,
	// tokens, families, tickets, marks) and says how many it removed. It is called in
	// the background again and again; one call is one short transaction.
	Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error)

	// Close waits for transactions under way and releases the store. Every
	// later call returns ErrClosed. Closing twice is fine.
	Close() error
}

// ReadTx is a transaction that reads. Functions ask for the parts they use
// (UserReader, say), not for all of it.
type ReadTx interface {
	MetaReader
	UserReader
	Searcher
	CredentialReader
	FactorReader
	ObjectReader
	FeedReader
	SchemaReader
	SyncStateReader
	VisitReader
	ClientReader
	GrantReader
	TicketReader
	SessionReader
	ConsentReader
	SigningKeyReader
	MirrorReader
	LeaseReader
	LogoutReader
	AuditReader
}

// WriteTx is a transaction that reads what it wrote, and writes.
type WriteTx interface {
	ReadTx
	MetaWriter
	UserWriter
	CredentialWriter
	FactorWriter
	ObjectWriter
	SchemaWriter
	SyncStateWriter
	VisitWriter
	ClientWriter
	GrantWriter
	TicketWriter
	SessionWriter
	ConsentWriter
	SigningKeyWriter
	MirrorWriter
	LeaseWriter
	LogoutWriter
	AuditWriter
}

// ErrNotFound says that the one thing asked for is not there.
var ErrNotFound = errors.New("not found")

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("the store is closed")

// ConflictError says that another record already has a value that must be
// unique.
type ConflictError struct {
	Type  string // "user", an object type, "client"
	Field string // "username", "email", "id", or a schema field
	Value string
}

func (e *ConflictError) Error() string { return e.mistake().Error() }

// Said is as that of a Mistake.
func (e *ConflictError) Said() (format string, args []any) { return e.mistake().Said() }

func (e *ConflictError) mistake() *Mistake {
	return Mistakef("%s: another %s already has %s %q", e.Field, e.Type, e.Field, e.Value)
}

// EventKind says what an Event is about.
type EventKind uint8

const (
	// EventAll: anything may have changed (events were lost). Drop every cache.
	EventAll EventKind = iota
	// EventFeed: the feed's head moved: users or objects changed.
	EventFeed
	// EventSession: the session Hash of Realm was written or deleted.
	EventSession
	// EventMirror: the record (Type, ID) of the mirror Realm was written or
	// deleted; with an empty Type, the whole mirror.
	EventMirror
	// EventClients: a client was written or deleted, or is to be sent everything
	// anew.
	EventClients
	// EventSigningKeys: a signing key was written or deleted.
	EventSigningKeys
	// EventLogouts: a client is to be told of a logout.
	EventLogouts
)

// Event tells a watcher what a commit changed, so that caches can follow.
type Event struct {
	Kind  EventKind
	Realm string
	Hash  Hash
	Type  string
	ID    string
}

// Meta describes an installation.
type Meta struct {
	// InstallationID is random, made when the store is first opened, and never
	// changes. A marker with the same ID lies outside the store, so that an
	// empty database is not taken for a new installation.
	InstallationID string
	// KeyCheck is sealed with the master key; it tells a wrong key.
	KeyCheck []byte
}

// MetaReader reads the installation's description.
type MetaReader interface {
	// Meta never returns ErrNotFound: opening a store makes it.
	Meta() (Meta, error)
}

// MetaWriter changes the installation's description.
type MetaWriter interface {
	PutMeta(Meta) error
}

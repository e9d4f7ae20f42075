package gate

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/store"
)

const (
	maxRelations = 4 // relations that a field is away from the user
	// maxValues is from how many on an identity takes no more values of objects.
	maxValues = 500
)

// identity is who the subject of a session is, from the cache or the mirror;
// nil if the mirror does not know them or says they may not come in.
func (g *Gate) identity(ctx context.Context, s *session) (*Identity, error) {
	id := s.identity.Load()
	if !g.current(id) {
		var err error
		if id, err = g.loadIdentity(ctx, s, id.ID()); err != nil {
			return nil, err
		}
	}
	if id == nil || !id.active {
		return nil, nil
	}
	return id, nil
}

// current says whether id still is what the mirror says.
func (g *Gate) current(id *Identity) bool {
	return !id.hasLeft() && (!id.related || id.objects == g.objects.Load()) && !g.closed.Load()
}

// loadIdentity is that of the session's subject, from the cache or the mirror; nil if
// the mirror does not know them.
func (g *Gate) loadIdentity(ctx context.Context, s *session, subject string) (*Identity, error) {
	if id, ok := g.people.peek(store.HashOf(subject)); ok && g.current(id) {
		s.identity.Store(id)
		return id, nil
	}
	gen, objects := g.people.generation(), g.objects.Load()
	var id *Identity
	err := g.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		var err error
		id, err = g.readIdentity(tx, subject)
		return err
	})
	if err != nil || id == nil {
		return nil, err
	}
	id.objects = objects
	if held, ok := g.people.add(gen, id, g.current); ok {
		id = held
		s.identity.Store(id)
	}
	return id, nil
}

// readIdentity makes the identity of a subject from the mirror; nil if the
// mirror does not know them.
func (g *Gate) readIdentity(tx store.MirrorReader, subject string) (*Identity, error) {
	rec, err := tx.MirrorRecord(g.cfg.Name, store.UserType, subject)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := &identityBuilder{gate: g, tx: tx, id: new(Identity), values: map[string]string{}}
	if active, _ := rec.Fields["is_active"].(bool); !active || rec.Deleted {
		b.pack(subject)
		return b.id, nil
	}
	b.put("id", subject)
	b.fields("", rec.Fields, nil)
	b.put("name", displayName(b.values))
	if err := b.relations(); err != nil {
		return nil, err
	}
	b.finish(subject)
	return b.id, nil
}

// displayName is what to call the person: what the issuer says, or first and
// last name, or else the username.
func displayName(values map[string]string) string {
	if name := values["name"]; name != "" {
		return name
	}
	if name := strings.TrimSpace(values["first_name"] + " " + values["last_name"]); name != "" {
		return name
	}
	return values["username"]
}

// identityBuilder gathers the values of one identity: all of the person's own,
// and those of the objects that the person refers to, the nearest first. Of
// these there may be too many, for relations branch; then only those are taken
// which a rule or a header names.
type identityBuilder struct {
	gate   *Gate
	tx     store.MirrorReader
	id     *Identity
	values map[string]string
	queue  []relation
}

// relation is an object whose values are still to be gathered.
type relation struct {
	prefix string // of its values: "company."
	ref    store.Ref
	path   []store.Ref // to it and with it, so that a circle of relations ends
}

func (b *identityBuilder) put(name, value string) {
	if clean(value) {
		b.values[name] = value
	}
}

// fields puts the values of a record under prefix, to which path leads, and
// queues its relations.
func (b *identityBuilder) fields(prefix string, fields store.Fields, path []store.Ref) {
	queued := len(b.queue)
	for name, v := range fields {
		full := prefix + name
		if name == "id" || b.id.partial && !b.gate.decisive.has(full) {
			continue // the id is the record's own
		}
		list, isList := v.([]string)
		ref, isRef := v.(store.Ref)
		switch {
		case isList:
			b.put(full, joined(list))
		case full == "groups":
			// What else has this name is no list of groups, and must not be read
			// as one.
		case isRef:
			b.put(full, strconv.FormatInt(ref.ID, 10))
			if len(path) < maxRelations && !slices.Contains(path, ref) {
				b.queue = append(b.queue, relation{full + ".", ref, append(path[:len(path):len(path)], ref)})
			}
		default:
			b.put(full, fields.Text(name))
		}
	}
	// Where not all can be taken, the same are every time.
	slices.SortFunc(b.queue[queued:], func(a, b relation) int { return strings.Compare(a.prefix, b.prefix) })
}

// joined is a list as one value. What a comma would make two of is left out.
func joined(list []string) string {
	kept := slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		return s == "" || !clean(s) || strings.Contains(s, ",")
	})
	slices.Sort(kept)
	return strings.Join(slices.Compact(kept), ",")
}

// relations gathers the values of objects until the queue is empty.
func (b *identityBuilder) relations() error {
	for ; len(b.queue) > 0; b.queue = b.queue[1:] {
		r := b.queue[0]
		if b.id.partial && !b.gate.decisive.below(r.prefix) {
			continue
		}
		b.id.related = true
		rec, err := b.tx.MirrorRecord(b.gate.cfg.Name, r.ref.Type, strconv.FormatInt(r.ref.ID, 10))
		if errors.Is(err, store.ErrNotFound) || err == nil && rec.Deleted {
			continue // it may still come; relations travel as ids
		}
		if err != nil {
			return err
		}
		if len(b.values)+1+len(rec.Fields) > maxValues {
			b.id.partial = true // from here on; objects are taken whole or not at all
		}
		if !b.id.partial || b.gate.decisive.has(r.prefix+"id") {
			b.put(r.prefix+"id", rec.ID)
		}
		b.fields(r.prefix, rec.Fields, r.path)
	}
	return nil
}

// pack makes the values those of the identity.
func (b *identityBuilder) pack(subject string) {
	sh := b.gate.shapes.of(b.values)
	list := make([]string, 0, len(sh.names)+1)
	for _, name := range sh.names {
		list = append(list, b.values[name])
	}
	b.id.shape, b.id.values = sh, packValues(append(list, subject))
}

func (b *identityBuilder) finish(subject string) {
	id := b.id
	b.pack(subject)
	id.verdicts = b.gate.policy.judge(id)
	id.active = true
	if id.partial && !b.gate.partialWarned.Swap(true) {
		b.gate.log.Warn("people refer to more than an identity holds; rules and headers of this gate have what they name, placeholders of what is left out are empty",
			"user", oneLine(subject), "values", len(id.shape.names))
	}
}

package gate

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/caddyito/caddyito/store"
)

const (
	maxRelations = 4   // relations that a field is away from the user
	maxValues    = 500 // of an identity
)

// identity is who the subject of a session is, from the cache or the mirror;
// nil if the mirror does not know them or says they may not come in.
func (g *Gate) identity(ctx context.Context, s *session) (*Identity, error) {
	id := s.identity.Load()
	if id == nil || !g.current(id) {
		var err error
		if id, err = g.loadIdentity(ctx, s); err != nil {
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
	return !id.stale.Load() && (!id.related || id.objects == g.objects.Load()) && !g.closed.Load()
}

func (g *Gate) loadIdentity(ctx context.Context, s *session) (*Identity, error) {
	if id, ok := g.people.peek(s.subject); ok && g.current(id) {
		s.identity.Store(id)
		return id, nil
	}
	gen, objects := g.people.generation(), g.objects.Load()
	var id *Identity
	err := g.cfg.Store.View(ctx, func(tx store.ReadTx) error {
		var err error
		id, err = g.readIdentity(tx, s.subject)
		return err
	})
	if err != nil || id == nil {
		return nil, err
	}
	id.objects = objects
	if held, ok := g.people.add(gen, s.subject, id, g.current); ok {
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
	id := &Identity{id: subject}
	if active, _ := rec.Fields["is_active"].(bool); !active || rec.Deleted {
		return id, nil
	}
	b := &identityBuilder{gate: g, tx: tx, id: id, values: map[string]string{}}
	b.put("id", subject)
	if err := b.fields("", rec.Fields, nil); err != nil {
		return nil, err
	}
	b.put("name", displayName(b.values))
	b.finish()
	return id, nil
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

// identityBuilder gathers the values of one identity.
type identityBuilder struct {
	gate   *Gate
	tx     store.MirrorReader
	id     *Identity
	values map[string]string
}

func (b *identityBuilder) put(name, value string) {
	if len(b.values) < maxValues && clean(value) {
		b.values[name] = value
	}
}

// fields puts the values of a record under prefix; path are the objects on the
// way to it, so that a circle of relations ends.
func (b *identityBuilder) fields(prefix string, fields store.Fields, path []store.Ref) error {
	for name, v := range fields {
		switch v := v.(type) {
		case []string:
			groups := slices.DeleteFunc(slices.Clone(v), func(s string) bool {
				// A comma would make two of it in a header.
				return s == "" || !clean(s) || strings.Contains(s, ",")
			})
			slices.Sort(groups)
			if prefix == "" && name == "groups" {
				b.id.groups = slices.Clip(slices.Compact(groups))
			}
			b.put(prefix+name, strings.Join(groups, ","))
		case store.Ref:
			b.put(prefix+name, strconv.FormatInt(v.ID, 10))
			if len(path) == maxRelations || slices.Contains(path, v) {
				continue
			}
			if err := b.relation(prefix+name+".", v, append(path[:len(path):len(path)], v)); err != nil {
				return err
			}
		default:
			b.put(prefix+name, fields.Text(name))
		}
	}
	return nil
}

func (b *identityBuilder) relation(prefix string, ref store.Ref, path []store.Ref) error {
	b.id.related = true
	rec, err := b.tx.MirrorRecord(b.gate.cfg.Name, ref.Type, strconv.FormatInt(ref.ID, 10))
	if errors.Is(err, store.ErrNotFound) {
		return nil // it may still come; relations travel as ids
	}
	if err != nil || rec.Deleted {
		return err
	}
	b.put(prefix+"id", rec.ID)
	return b.fields(prefix, rec.Fields, path)
}

func (b *identityBuilder) finish() {
	id := b.id
	id.shape = b.gate.shapes.of(b.values)
	id.values = make([]string, len(id.shape.names))
	for i, name := range id.shape.names {
		id.values[i] = b.values[name]
	}
	id.headers = make([]string, len(b.gate.managed.fields))
	for i, h := range b.gate.managed.fields {
		id.headers[i] = b.values[h.Field]
	}
	id.verdicts = b.gate.policy.judge(id)
	id.active = true
}

// shape is the names of the values of an identity. Most people have the same,
// so they share it.
type shape struct {
	names []string // sorted
	index map[string]int
}

// shapes are those in use, up to a bound: names come from the issuer.
type shapes struct {
	mu sync.Mutex
	m  map[string]*shape
}

func (s *shapes) of(values map[string]string) *shape {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	key := strings.Join(names, "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.m[key]; sh != nil {
		return sh
	}
	sh := &shape{names: names, index: make(map[string]int, len(names))}
	for i, name := range names {
		sh.index[name] = i
	}
	if s.m == nil {
		s.m = map[string]*shape{}
	}
	if len(s.m) < 1000 {
		s.m[key] = sh
	}
	return sh
}

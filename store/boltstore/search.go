package boltstore

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.etcd.io/bbolt"

	"github.com/caddyito/caddyito/store"
)

// What is searched for has an entry in bSearch, whose key ends with the record's id:
//
//	f first and last name    l last and first name    n names too long for bUnique
//	g group                  s staff                  r superusers   d disabled
//	o type, a text of an object
//
// Usernames and e-mail addresses are found in bUnique, and relations in bReference.
// A page is read along one of these, or along all users, and what else was asked for
// is looked up in the records. What an object refers to, and which of its choices it
// has, is found in the same way.

const (
	findName      = 'f'
	findLast      = 'l'
	findLong      = 'n'
	findGroup     = 'g'
	findStaff     = 's'
	findSuperuser = 'r'
	findDisabled  = 'd'
	findObject    = 'o'
)

// maxLook is how many records one page looks at.
const maxLook = 3000

// maxFind is how many bytes of a text are searched for.
const maxFind = 64

// findText is a text as it stands in a key: what begins alike sorts side by side.
func findText(s string) string {
	s = store.CanonicalName(s)
	if len(s) <= maxFind {
		return s
	}
	s = s[:maxFind]
	for len(s) > 0 && !utf8.ValidString(s) && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func findKey(kind byte, text string, id int64) []byte {
	key := append(newKey(len(text)+2), kind)
	return append(append(append(key, text...), 0), idKey(id)...)
}

// findID is the id at the end of a key.
func findID(key []byte) int64 {
	return int64(number(key[max(0, len(key)-8):]))
}

func groupPrefix(group string) []byte { return part([]byte{findGroup}, group) }

// fullNames are a person's first and last name, and the other way round.
func fullNames(u *store.User) (first, last string) {
	if u.FirstName != "" {
		first = u.FirstName + " " + u.LastName
	}
	if u.LastName != "" {
		last = u.LastName + " " + u.FirstName
	}
	return first, last
}

// isLong says that a unique value is not found in bUnique by how it begins.
func isLong(canonical string) bool { return len(canonical) > maxUniqueInKey }

func userFinds(u *store.User) [][]byte {
	var keys [][]byte
	first, last := fullNames(u)
	for _, n := range []struct {
		kind byte
		text string
	}{{findName, first}, {findLast, last}} {
		if text := findText(n.text); text != "" {
			keys = append(keys, findKey(n.kind, text, u.ID))
		}
	}
	for _, name := range []string{u.Username, u.Email} {
		if isLong(store.CanonicalName(name)) {
			keys = append(keys, findKey(findLong, findText(name), u.ID))
		}
	}
	for _, g := range distinct(u.Groups) {
		keys = append(keys, append(groupPrefix(g), idKey(u.ID)...))
	}
	for _, f := range []struct {
		kind byte
		is   bool
	}{{findStaff, u.IsStaff}, {findSuperuser, u.IsSuperuser}, {findDisabled, !u.IsActive}} {
		if f.is {
			keys = append(keys, append([]byte{f.kind}, idKey(u.ID)...))
		}
	}
	return keys
}

func objectFinds(o *store.Object) [][]byte {
	var keys [][]byte
	for _, text := range objectTexts(o) {
		keys = append(keys, append(append(objectPrefix(o.Type, text), 0), idKey(o.ID)...))
	}
	return keys
}

// objectTexts are the values of an object that are searched for, without duplicates.
func objectTexts(o *store.Object) []string {
	var texts []string
	for _, v := range o.Fields {
		if s, ok := v.(string); ok {
			if s = findText(s); s != "" {
				texts = append(texts, s)
			}
		}
	}
	return distinct(texts)
}

func objectPrefix(typ, text string) []byte { return append(part([]byte{findObject}, typ), text...) }

// distinct are the names without duplicates.
func distinct(names []string) []string {
	if len(names) < 2 {
		return names
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// moveFinds writes what is searched for when old becomes n, where it differs.
func (w *writeTx) moveFinds(old, n *record) error {
	has := func(keys [][]byte, key []byte) bool {
		return slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) })
	}
	for _, key := range old.finds {
		if !has(n.finds, key) {
			if err := w.del(bSearch, key); err != nil {
				return err
			}
		}
	}
	for _, key := range n.finds {
		if !has(old.finds, key) {
			if err := w.put(bSearch, key, present); err != nil {
				return err
			}
		}
	}
	for _, g := range old.groups {
		if !slices.Contains(n.groups, g) {
			if err := w.countGroup(g, -1); err != nil {
				return err
			}
		}
	}
	for _, g := range n.groups {
		if !slices.Contains(old.groups, g) {
			if err := w.countGroup(g, +1); err != nil {
				return err
			}
		}
	}
	return nil
}

// groupKey is never empty.
func groupKey(group string) []byte { return append([]byte{findGroup}, group...) }

func (w *writeTx) countGroup(group string, more int) error {
	n := int(number(w.get(bGroup, groupKey(group)))) + more
	if n <= 0 {
		return w.del(bGroup, groupKey(group))
	}
	return w.put(bGroup, groupKey(group), be64(uint64(n)))
}

func (r *readTx) Groups(after string, limit int) (groups []store.Group, err error) {
	from := groupKey(after)
	if after != "" {
		from = append(from, 0)
	}
	r.scan(bGroup, nil, from, func(k, v []byte) bool {
		if len(groups) >= limit {
			return false
		}
		groups = append(groups, store.Group{Name: string(k[1:]), Members: int(number(v))})
		return true
	})
	return groups, nil
}

// source is a run of keys along which a page is read.
type source struct {
	kind   byte // names it in a cursor
	bucket bucket
	prefix []byte
	id     func(k, v []byte) int64
	// sees says whether a record that stands here was not seen in a source before.
	sees func(*store.User) bool
}

// The sources that are no kind of entry in bSearch.
const (
	alongUsernames = 'u'
	alongEmails    = 'e'
	alongRelation  = 'R'
	alongAll       = 'a'
)

func keyID(k, _ []byte) int64   { return findID(k) }
func valueID(_, v []byte) int64 { return int64(number(v)) }
func always(*store.User) bool   { return true }

// userSources are those of a query, read one after the other. What few have goes
// first.
func (r *readTx) userSources(q *store.UserQuery, prefix string) []source {
	one := func(kind byte, b bucket, prefix []byte) []source {
		return []source{{kind, b, prefix, keyID, always}}
	}
	byGroup := q.Group != "" && (prefix == "" || number(r.get(bGroup, groupKey(q.Group))) <= maxLook)
	if kind := cursorKind(q.After); kind != 0 && q.Group != "" && prefix != "" {
		byGroup = kind == findGroup // as it was begun, also if the group grew
	}
	switch {
	case q.Status == store.StatusSuperuser:
		return one(findSuperuser, bSearch, []byte{findSuperuser})
	case q.Status == store.StatusStaff:
		return one(findStaff, bSearch, []byte{findStaff})
	case byGroup:
		return one(findGroup, bSearch, groupPrefix(q.Group))
	case prefix != "":
		return prefixSources(prefix)
	case len(q.Where) > 0:
		name := slices.Min(slices.Collect(maps.Keys(q.Where)))
		ref, _ := q.Where[name].(store.Ref)
		return one(alongRelation, bReference, part(part(refKey(ref), store.UserType), name))
	case q.Status == store.StatusDisabled:
		return one(findDisabled, bSearch, []byte{findDisabled})
	}
	return one(alongAll, bUser, nil)
}

func prefixSources(prefix string) []source {
	short := findText(prefix) // the index has no more of a text
	unique := func(field string) []byte {
		return append(append(part(part(nil, store.UserType), field), '='), prefix...)
	}
	entry := func(kind byte) []byte { return append([]byte{kind}, short...) }
	starts := func(s string) bool { return strings.HasPrefix(store.CanonicalName(s), prefix) }
	username := func(u *store.User) bool { return starts(u.Username) && !isLong(store.CanonicalName(u.Username)) }
	email := func(u *store.User) bool { return starts(u.Email) && !isLong(store.CanonicalName(u.Email)) }
	long := func(u *store.User) bool {
		return starts(u.Username) && isLong(store.CanonicalName(u.Username)) || starts(u.Email) && isLong(store.CanonicalName(u.Email))
	}
	first := func(u *store.User) bool { name, _ := fullNames(u); return starts(name) }
	last := func(u *store.User) bool { _, name := fullNames(u); return starts(name) }
	return []source{
		{alongUsernames, bUnique, unique("username"), valueID, username},
		{alongEmails, bUnique, unique("email"), valueID, func(u *store.User) bool { return email(u) && !username(u) }},
		{findLong, bSearch, entry(findLong), keyID, func(u *store.User) bool { return long(u) && !username(u) && !email(u) }},
		{findName, bSearch, entry(findName), keyID, func(u *store.User) bool { return first(u) && !username(u) && !email(u) && !long(u) }},
		{findLast, bSearch, entry(findLast), keyID, func(u *store.User) bool {
			return last(u) && !username(u) && !email(u) && !long(u) && !first(u)
		}},
	}
}

func (r *readTx) SearchUsers(q store.UserQuery) (*store.UserPage, error) {
	page := &store.UserPage{Users: []*store.User{}}
	prefix := store.CanonicalName(q.Prefix)
	sources := r.userSources(&q, prefix)
	first, from := startAt(q.After, sources)
	looked := 0
	for _, s := range sources[first:] {
		var err error
		var last []byte
		more := false
		r.scan(s.bucket, s.prefix, from, func(k, v []byte) bool {
			if len(page.Users) >= q.Limit || looked >= maxLook {
				more = true
				return false
			}
			looked++
			last = append(last[:0], k...)
			var u *store.User
			u, err = r.User(s.id(k, v))
			if isNotFound(err) {
				err = nil
				return true
			}
			if err != nil {
				return false
			}
			if s.sees(u) && asked(&q, prefix, u) {
				page.Users = append(page.Users, u)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		if more {
			if last == nil { // the page was full before this source began
				last = s.prefix
				page.Next = cursorAt(s.kind, last, false)
			} else {
				page.Next = cursorAt(s.kind, last, true)
			}
			return page, nil
		}
		from = nil
	}
	return page, nil
}

// asked says whether the user is one of those asked for.
func asked(q *store.UserQuery, prefix string, u *store.User) bool {
	if !q.Status.Has(u) || q.Group != "" && !slices.Contains(u.Groups, q.Group) {
		return false
	}
	for name, ref := range q.Where {
		if u.Fields[name] != ref {
			return false
		}
	}
	if prefix == "" {
		return true
	}
	first, last := fullNames(u)
	return slices.ContainsFunc([]string{u.Username, u.Email, first, last}, func(s string) bool {
		return strings.HasPrefix(store.CanonicalName(s), prefix)
	})
}

// A cursor is the source, and the key in it at which to go on.

func cursorAt(kind byte, key []byte, beyond bool) string {
	b := append([]byte{kind}, key...)
	if beyond {
		b = append(b, 0) // the least key that is greater
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// cursorKind is the source of a cursor, 0 if there is none.
func cursorKind(cursor string) byte {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) == 0 {
		return 0
	}
	return b[0]
}

func startAt(cursor string, sources []source) (first int, from []byte) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) < 1 || len(b) > maxKey {
		return 0, nil
	}
	i := slices.IndexFunc(sources, func(s source) bool { return s.kind == b[0] && bytes.HasPrefix(b[1:], s.prefix) })
	if i < 0 {
		return 0, nil
	}
	return i, b[1:]
}

// objectSource is that of a query: no object stands in it twice, but for those that
// have several texts with the prefix.
func objectSource(q *store.ObjectQuery, prefix string) source {
	if prefix != "" {
		return source{findObject, bSearch, objectPrefix(q.Type, findText(prefix)), keyID, nil}
	}
	name, v, _ := q.Kept()
	switch v := v.(type) {
	case store.Ref:
		return source{alongRelation, bReference, part(part(refKey(v), q.Type), name), keyID, nil}
	case string:
		if text := findText(v); text != "" {
			return source{findObject, bSearch, append(objectPrefix(q.Type, text), 0), keyID, nil}
		}
	}
	return source{alongAll, bObject, part(nil, q.Type), keyID, nil}
}

func (r *readTx) SearchObjects(q store.ObjectQuery) (*store.ObjectPage, error) {
	page := &store.ObjectPage{Objects: []*store.Object{}}
	prefix := store.CanonicalName(q.Prefix)
	s := objectSource(&q, prefix)
	_, from := startAt(q.After, []source{s})
	var err error
	var last []byte
	looked := 0
	r.scan(s.bucket, s.prefix, from, func(k, v []byte) bool {
		if len(page.Objects) >= q.Limit || looked >= maxLook {
			page.Next = cursorAt(s.kind, last, true)
			return false
		}
		looked++
		last = append(last[:0], k...)
		var o *store.Object
		if o, err = r.Object(store.Ref{Type: q.Type, ID: findID(k)}); err != nil {
			return false
		}
		if q.Has(o) && (prefix == "" || bytes.Equal(k, firstFind(o, prefix))) {
			page.Objects = append(page.Objects, o)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// firstFind is the key under which an object is found that has several texts with
// that prefix; nil if none.
func firstFind(o *store.Object, prefix string) []byte {
	for _, v := range objectTexts(o) {
		if strings.HasPrefix(v, findText(prefix)) && hasText(o, prefix) {
			return append(append(objectPrefix(o.Type, v), 0), idKey(o.ID)...)
		}
	}
	return nil
}

// hasText says whether a text begins with a prefix that may be longer than what is
// in the index.
func hasText(o *store.Object, prefix string) bool {
	for _, v := range o.Fields {
		if s, ok := v.(string); ok && strings.HasPrefix(store.CanonicalName(s), prefix) {
			return true
		}
	}
	return false
}

// makeSearch makes what is searched for in a database of an older format. If it is
// broken off, the next start begins anew.
func makeSearch(db *bbolt.DB) error {
	old := false
	err := db.View(func(tx *bbolt.Tx) error {
		v, err := strconv.Atoi(string(tx.Bucket([]byte(bucketNames[bMeta])).Get(keyFormat)))
		old = v < 4
		return err
	})
	if err != nil || !old {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range []bucket{bSearch, bGroup} {
			if err := tx.DeleteBucket([]byte(bucketNames[b])); err != nil {
				return err
			}
			if _, err := tx.CreateBucket([]byte(bucketNames[b])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("making what users are searched by: %w", err)
	}
	members := map[string]uint64{}
	for _, b := range []bucket{bUser, bObject} {
		for next := []byte{}; next != nil; {
			if next, err = makeSearchOf(db, b, next, members); err != nil {
				return fmt.Errorf("making what users and objects are searched by: %w", err)
			}
		}
	}
	return db.Update(func(tx *bbolt.Tx) error {
		for g, n := range members {
			if err := tx.Bucket([]byte(bucketNames[bGroup])).Put(groupKey(g), be64(n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// searchStep is how many records makeSearch takes in one transaction.
const searchStep = 5000

// makeSearchOf makes the entries of some records, and says where to go on; nil after
// the last.
func makeSearchOf(db *bbolt.DB, b bucket, from []byte, members map[string]uint64) (next []byte, err error) {
	err = db.Update(func(tx *bbolt.Tx) error {
		next = nil
		var keys [][]byte
		n := 0
		c := tx.Bucket([]byte(bucketNames[b])).Cursor()
		for k, v := c.Seek(from); k != nil; k, v = c.Next() {
			if n++; n > searchStep {
				next = bytes.Clone(k)
				break
			}
			if b == bUser {
				u, err := decodeUser(v)
				if err != nil {
					return err
				}
				keys = append(keys, userFinds(&u.User)...)
				for _, g := range distinct(u.Groups) {
					members[g]++
				}
				continue
			}
			o, err := decodeObject(v)
			if err != nil {
				return err
			}
			keys = append(keys, objectFinds(&o.Object)...)
		}
		slices.SortFunc(keys, bytes.Compare)
		search := tx.Bucket([]byte(bucketNames[bSearch]))
		for _, key := range keys {
			if err := search.Put(key, present); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}

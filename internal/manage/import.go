package manage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// importStep is how many lines are brought in by one transaction.
const importStep = 200

// errDry takes back what a dry run wrote.
var errDry = errors.New("dry run")

// Import brings a list in: whoever or whatever a line is about, by its id or by the
// Identity of the type, is changed in the columns that the list has, and who or what
// is not there is created. A line that fails leaves the others alone. With dry nothing
// is written, and the outcome says what would be; a line that refers to one that is
// far above it and would be new is taken for wrong then. progress is told how many
// lines are done.
func (m *Manager) Import(ctx context.Context, by Actor, l *List, dry bool, progress func(done int)) (*Outcome, error) {
	total := &Outcome{}
	twice := l.twice()
	one := m.importUser
	if l.typ != store.UserType {
		one = m.importObject
	}
	for done := 0; done < len(l.rows); {
		rows := l.rows[done:min(done+importStep, len(l.rows))]
		var lines []Line
		err := m.act(ctx, by, func(tx store.WriteTx, p power) error {
			lines = lines[:0]
			for _, r := range rows {
				if same, ok := twice[r.line]; ok {
					line := Line{Line: r.line, Name: strings.TrimSpace(l.given(r)[Identity(m.Schema, l.typ)]), Does: "fail"}
					line.trouble(same)
					lines = append(lines, line)
					continue
				}
				line, err := one(tx, p, l, r)
				if err != nil {
					return err
				}
				lines = append(lines, line)
			}
			if dry {
				return errDry
			}
			return nil
		})
		if err != nil && !errors.Is(err, errDry) {
			return total, err
		}
		for _, line := range lines {
			total.add(line)
		}
		done += len(rows)
		progress(done)
	}
	return total, nil
}

// importUser writes one line. An error is one of the store; what is wrong with the
// line is in it.
func (m *Manager) importUser(tx store.WriteTx, p power, l *List, r row) (Line, error) {
	given := l.given(r)
	line := Line{Line: r.line, Does: "fail", Name: password.NormalUsername(given["username"])}
	u, err := m.rowUser(tx, given)
	if err != nil {
		return line, line.take(err)
	}
	before := &store.User{IsActive: true}
	if u != nil {
		before = u.Clone()
		line.Name = cmp.Or(line.Name, u.Username)
	} else {
		u = before.Clone()
	}
	before.Fields = m.Schema.Renew(store.UserType, before.Fields)
	u.Fields = before.Fields.Clone()
	if err := m.setRow(tx, store.UserType, u, l.columns, given); err != nil {
		return line, line.take(err)
	}
	hash := given[hashColumn]
	if hash != "" {
		if err := password.CheckHash(hash); err != nil {
			line.trouble(lang.T("%s: %s", hashColumn, lang.Of(err)))
			return line, nil
		}
	}
	u.Username = password.NormalUsername(u.Username)
	if err := m.Schema.CheckUser(withDate(u, m)); err != nil {
		return line, line.take(err)
	}
	line.Changes = m.differences(before, u)
	if before.ID == 0 {
		if err := m.createUser(tx, p, u, hash); err != nil {
			return line, line.take(err)
		}
		line.Does = "create"
		return line, nil
	}
	if len(line.Changes) == 0 && hash == "" {
		line.Does = ""
		return line, nil
	}
	kept := before.Clone()
	err = m.changeUser(tx, p, kept, func(to *store.User) error {
		id, version, joined, last := to.ID, to.Version, to.DateJoined, to.LastLogin
		*to = *u
		to.ID, to.Version, to.DateJoined, to.LastLogin = id, version, joined, last
		return nil
	})
	if err == nil && hash != "" {
		if err = p.touch(before); err == nil {
			err = tx.PutCredential(&store.Credential{UserID: before.ID, PasswordHash: hash, PasswordChangedAt: m.Now()})
		}
		if err == nil {
			err = m.audit(tx, p, store.ActionPasswordSet, before)
		}
		if err == nil {
			err = m.signOut(tx, before.ID)
		}
		line.Changes = append(line.Changes, FieldChange{Field: hashColumn})
	}
	if err != nil {
		return line, line.take(err)
	}
	line.Does = "change"
	return line, nil
}

// withDate is u with a date of joining, for a check.
func withDate(u *store.User, m *Manager) *store.User {
	if u.DateJoined.IsZero() {
		u.DateJoined = m.Now()
	}
	return u
}

// rowUser is whom a line is about; nil for somebody new.
func (m *Manager) rowUser(tx store.WriteTx, given map[string]string) (*store.User, error) {
	if text := strings.TrimSpace(given["id"]); text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, wrongField(store.UserType, "id", store.Mistakef("%q is no number", text))
		}
		u, err := tx.User(id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, wrongField(store.UserType, "id", store.Mistakef("there is no user %s", text))
		}
		return u, err
	}
	name := password.NormalUsername(given["username"])
	if name == "" {
		return nil, wrongField(store.UserType, "username", store.Mistakef("is missing"))
	}
	u, err := tx.UserByUsername(name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return u, err
}

// wrongField is an *store.InvalidError of one field.
func wrongField(typ, field string, err error) error {
	return &store.InvalidError{Type: typ, Problems: []store.Problem{store.ProblemOf(field, err)}}
}

// settable is a user or an object.
type settable interface {
	Set(s *store.Schema, name, text string) error
}

// setRow sets what a line gives. An address comes first, since another one is not
// verified unless a column says so.
func (m *Manager) setRow(tx store.WriteTx, typ string, to settable, columns []string, given map[string]string) error {
	invalid := &store.InvalidError{Type: typ}
	if i := slices.Index(columns, "email"); i > 0 {
		columns = slices.Concat(columns[i:i+1], columns[:i], columns[i+1:])
	}
	for _, c := range columns {
		text := given[c]
		if c == "id" || typ == store.UserType && keeps(c, text) {
			continue
		}
		if target := m.Schema.Target(typ, c); target != "" && strings.TrimSpace(text) != "" {
			ref, err := ResolveRef(tx, m.Schema, target, text)
			if err != nil {
				invalid.Problems = append(invalid.Problems, store.ProblemOf(c, err))
				continue
			}
			text = strconv.FormatInt(ref.ID, 10)
		}
		err := to.Set(m.Schema, c, text)
		if e, ok := errors.AsType[*store.InvalidError](err); ok {
			invalid.Problems = append(invalid.Problems, e.Problems...)
		} else if err != nil {
			return err
		}
	}
	if len(invalid.Problems) > 0 {
		return invalid
	}
	return nil
}

// keeps says whether a cell of a user leaves the field as it is.
func keeps(column, text string) bool {
	switch column {
	case "date_joined", "last_login", hashColumn:
		return true
	case "username", "email_verified", "is_active", "is_staff", "is_superuser":
		return strings.TrimSpace(text) == "" // the id says who
	}
	return false
}

// differences are the fields in which two differ, in the order of the columns.
func (m *Manager) differences(before, after *store.User) []FieldChange {
	var changes []FieldChange
	add := func(name, old, now string) {
		if old != now {
			changes = append(changes, FieldChange{name, old, now})
		}
	}
	add("username", before.Username, after.Username)
	add("email", before.Email, after.Email)
	add("email_verified", strconv.FormatBool(before.EmailVerified), strconv.FormatBool(after.EmailVerified))
	add("first_name", before.FirstName, after.FirstName)
	add("last_name", before.LastName, after.LastName)
	add("language", before.Language, after.Language)
	add("groups", strings.Join(before.Groups, ","), strings.Join(after.Groups, ","))
	add("is_active", strconv.FormatBool(before.IsActive), strconv.FormatBool(after.IsActive))
	add("is_staff", strconv.FormatBool(before.IsStaff), strconv.FormatBool(after.IsStaff))
	add("is_superuser", strconv.FormatBool(before.IsSuperuser), strconv.FormatBool(after.IsSuperuser))
	return append(changes, fieldDifferences(m.Schema, store.UserType, before.Fields, after.Fields)...)
}

package manage

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/password"
	"github.com/caddyito/caddyito/store"
)

// List is a list of users that was read, not yet looked at by the store.
type List struct {
	columns []string
	rows    []row
}

type row struct {
	line  int
	cells []string
}

// Len is how many users it has.
func (l *List) Len() int { return len(l.rows) }

// ErrBadList says what is wrong with a list as a whole.
var ErrBadList = errors.New("the list cannot be read")

// maxRows is how many users a list has at the most.
const maxRows = 1_000_000

// ReadCSV reads a list. The first line names the columns: any of Columns, of which
// username (or id) must be there, and password_hash.
func ReadCSV(r io.Reader, s *store.Schema) (*List, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, badList(store.Mistakef("the first line must name the columns: %s", err.Error()))
	}
	l := &List{}
	known := append(Columns(s), hashColumn)
	for i, name := range head {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // of spreadsheets
		}
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(known, name):
			return nil, badList(store.Mistakef("there is no column %q; there are %s", name, strings.Join(known, ", ")))
		case slices.Contains(l.columns, name):
			return nil, badList(store.Mistakef("the column %q is there twice", name))
		}
		l.columns = append(l.columns, name)
	}
	if !slices.Contains(l.columns, "username") && !slices.Contains(l.columns, "id") {
		return nil, badList(store.Mistakef("the column username is missing"))
	}
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return nil, badList(err)
		}
		if len(l.rows) == maxRows {
			return nil, badList(store.Mistakef("it has more than %d lines", maxRows))
		}
		line, _ := in.FieldPos(0)
		kept := make([]string, len(cells))
		for i, c := range cells {
			if !utf8.ValidString(c) {
				return nil, badList(store.Mistakef("line %s is not UTF-8", strconv.Itoa(line)))
			}
			kept[i] = plain(strings.Clone(c))
		}
		l.rows = append(l.rows, row{line, kept})
	}
}

// Outcome is what becomes of a list.
type Outcome struct {
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
	// Lines say what becomes of the first of them; all that fail come before those
	// that do not.
	Lines []Line `json:"lines,omitempty"`
}

// Line is what becomes of a line.
type Line struct {
	Line     int    `json:"line"`
	Username string `json:"username"`
	// Does is create, change or fail.
	Does string `json:"does"`
	// Changes are fields with their old and new values; Problems say why it fails.
	Changes  []FieldChange `json:"changes,omitempty"`
	Problems []Trouble     `json:"problems,omitempty"`
}

// FieldChange is a field that is given another value.
type FieldChange struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// maxLines is how many lines an Outcome says something of, of each kind.
const maxLines = 500

func (o *Outcome) add(l Line) {
	switch l.Does {
	case "create":
		o.Created++
	case "change":
		o.Changed++
	case "fail":
		o.Failed++
	default:
		o.Unchanged++
		return
	}
	same := 0
	for _, other := range o.Lines {
		if (other.Does == "fail") == (l.Does == "fail") {
			same++
		}
	}
	if same >= maxLines {
		return
	}
	at := len(o.Lines)
	if l.Does == "fail" {
		at = same
	}
	o.Lines = slices.Insert(o.Lines, at, l)
}

// importStep is how many lines are brought in by one transaction.
const importStep = 200

// errDry takes back what a dry run wrote.
var errDry = errors.New("dry run")

// Import brings a list in: whoever has the username (or the id) is changed, in the
// columns that the list has, and who is not there is created. A line that fails
// leaves the others alone. With dry nothing is written, and the outcome says what
// would be. progress is told how many lines are done.
func (m *Manager) Import(ctx context.Context, by Actor, l *List, dry bool, progress func(done int)) (*Outcome, error) {
	total := &Outcome{}
	twice := l.twice()
	for done := 0; done < len(l.rows); {
		rows := l.rows[done:min(done+importStep, len(l.rows))]
		var lines []Line
		err := m.act(ctx, by, func(tx store.WriteTx, p power) error {
			lines = lines[:0]
			for _, r := range rows {
				line, err := m.importRow(tx, p, l, r, twice[r.line])
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

// twice says of lines that an earlier one gives the same username or address.
func (l *List) twice() map[int]lang.Text {
	found := map[int]lang.Text{}
	for _, column := range []string{"username", "email"} {
		i := slices.Index(l.columns, column)
		if i < 0 {
			continue
		}
		first := map[string]int{}
		for _, r := range l.rows {
			key := store.CanonicalName(password.NormalUsername(r.cells[i]))
			if at, ok := first[key]; ok && key != "" {
				found[r.line] = lang.T("%s: line %s has the same", column, strconv.Itoa(at))
			} else {
				first[key] = r.line
			}
		}
	}
	return found
}

// importRow writes one line. An error is one of the store; what is wrong with the
// line is in it.
func (m *Manager) importRow(tx store.WriteTx, p power, l *List, r row, twice lang.Text) (Line, error) {
	line := Line{Line: r.line, Does: "fail"}
	given := map[string]string{}
	for i, c := range l.columns {
		given[c] = r.cells[i]
	}
	line.Username = password.NormalUsername(given["username"])
	if !twice.IsZero() {
		line.trouble(twice)
		return line, nil
	}
	u, err := m.rowUser(tx, given)
	if err != nil {
		return line, line.take(err)
	}
	before := &store.User{IsActive: true}
	if u != nil {
		before = u.Clone()
		line.Username = cmp.Or(line.Username, u.Username)
	} else {
		u = before.Clone()
	}
	before.Fields = m.Schema.Renew(store.UserType, before.Fields)
	u.Fields = before.Fields.Clone()
	if err := m.setRow(tx, u, l.columns, given); err != nil {
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
			return nil, rowError("id", store.Mistakef("%q is no number", text))
		}
		u, err := tx.User(id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, rowError("id", store.Mistakef("there is no user %s", text))
		}
		return u, err
	}
	name := password.NormalUsername(given["username"])
	if name == "" {
		return nil, rowError("username", store.Mistakef("is missing"))
	}
	u, err := tx.UserByUsername(name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return u, err
}

func rowError(field string, err error) error {
	return &store.InvalidError{Type: store.UserType, Problems: []store.Problem{store.ProblemOf(field, err)}}
}

// setRow sets what a line gives.
func (m *Manager) setRow(tx store.WriteTx, u *store.User, columns []string, given map[string]string) error {
	invalid := &store.InvalidError{Type: store.UserType}
	for _, c := range columns {
		text := given[c]
		switch c {
		case "id", "date_joined", "last_login", hashColumn:
			continue
		case "username":
			if strings.TrimSpace(text) == "" {
				continue // the id says who
			}
		case "email_verified", "is_active", "is_staff", "is_superuser":
			if strings.TrimSpace(text) == "" {
				continue // as it is
			}
		}
		if target := m.relation(c); target != "" && strings.TrimSpace(text) != "" {
			ref, err := ResolveRef(tx, m.Schema, target, text)
			if err != nil {
				invalid.Problems = append(invalid.Problems, store.ProblemOf(c, err))
				continue
			}
			text = strconv.FormatInt(ref.ID, 10)
		}
		err := u.Set(m.Schema, c, text)
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

// relation is the type that a field of users points to, "" if it is no relation.
func (m *Manager) relation(name string) string {
	for _, f := range m.Schema.User {
		if f.Name == name && f.Type == store.Relation {
			return f.Target
		}
	}
	return ""
}

// take notes what is wrong with a line, and returns what is not the line's fault.
func (l *Line) take(err error) error {
	if invalid, ok := errors.AsType[*store.InvalidError](err); ok {
		for _, p := range invalid.Problems {
			l.trouble(lang.T("%s: %s", p.Field, lang.Of(p.Err())))
		}
		return nil
	}
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		l.trouble(lang.Of(conflict))
		return nil
	}
	switch {
	case errors.Is(err, ErrNotAllowed):
		l.trouble(lang.T("you may not do this to that account"))
	case errors.Is(err, ErrSelf):
		l.trouble(lang.Of(ErrSelf))
	default:
		return err
	}
	return nil
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
	add("groups", strings.Join(before.Groups, ","), strings.Join(after.Groups, ","))
	add("is_active", strconv.FormatBool(before.IsActive), strconv.FormatBool(after.IsActive))
	add("is_staff", strconv.FormatBool(before.IsStaff), strconv.FormatBool(after.IsStaff))
	add("is_superuser", strconv.FormatBool(before.IsSuperuser), strconv.FormatBool(after.IsSuperuser))
	for _, f := range m.Schema.User {
		add(f.Name, before.Fields.Text(f.Name), after.Fields.Text(f.Name))
	}
	return changes
}

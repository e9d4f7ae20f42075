package manage

import (
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

// List is a list of users, or of objects of a type, that was read and not yet looked
// at by the store.
type List struct {
	schema  *store.Schema
	typ     string // UserType, or that of the objects
	columns []string
	rows    []row
}

type row struct {
	line  int
	cells []string
}

// Len is how many records it has.
func (l *List) Len() int { return len(l.rows) }

// ErrBadList says what is wrong with a list as a whole.
var ErrBadList = errors.New("the list cannot be read")

// maxRows is how many records a list has at the most.
const maxRows = 1_000_000

// ReadCSV reads a list of users, or of objects of that type. The first line names the
// columns: any of Columns, of which one must say whom or what a line is about
// (Identity), and for users password_hash.
func ReadCSV(r io.Reader, s *store.Schema, typ string) (*List, error) {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	head, err := in.Read()
	if err != nil {
		return nil, badList(store.Mistakef("the first line must name the columns: %s", err.Error()))
	}
	l := &List{schema: s, typ: typ}
	if err := l.readHead(head); err != nil {
		return nil, err
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

// readHead takes the names of the columns.
func (l *List) readHead(head []string) error {
	known := Columns(l.schema, l.typ)
	if l.typ == store.UserType {
		known = append(known, hashColumn)
	}
	for i, name := range head {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // of spreadsheets
		}
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(known, name):
			return badList(store.Mistakef("there is no column %q; there are %s", name, strings.Join(known, ", ")))
		case slices.Contains(l.columns, name):
			return badList(store.Mistakef("the column %q is there twice", name))
		}
		l.columns = append(l.columns, name)
	}
	by := Identity(l.schema, l.typ)
	if by != "" && !slices.Contains(l.columns, by) && !slices.Contains(l.columns, "id") {
		return badList(store.Mistakef("the column %s is missing", by))
	}
	return nil
}

// Identity is the column, besides id, by which a line says whom or what it is about:
// the username; of objects the first text that is unique, or else the first text. A
// type that has none is "".
func Identity(s *store.Schema, typ string) string {
	if typ == store.UserType {
		return "username"
	}
	first := ""
	for _, f := range s.Fields(typ) {
		if f.Type != store.Text {
			continue
		}
		if f.Unique {
			return f.Name
		}
		if first == "" {
			first = f.Name
		}
	}
	return first
}

// given is what a row says, by column.
func (l *List) given(r row) map[string]string {
	given := map[string]string{}
	for i, c := range l.columns {
		given[c] = r.cells[i]
	}
	return given
}

// twice says of lines that an earlier one gives what no two records have.
func (l *List) twice() map[int]lang.Text {
	unique := []string{Identity(l.schema, l.typ)}
	if l.typ == store.UserType {
		unique = append(unique, "email")
	}
	for _, f := range l.schema.Fields(l.typ) {
		if f.Unique && f.Name != unique[0] {
			unique = append(unique, f.Name)
		}
	}
	found := map[int]lang.Text{}
	for i, column := range unique {
		at := slices.Index(l.columns, column)
		if at < 0 {
			continue
		}
		first := map[string]int{}
		for _, r := range l.rows {
			if i == 0 && l.typ != store.UserType && strings.TrimSpace(l.given(r)["id"]) != "" {
				continue // objects may be called the same
			}
			key := store.CanonicalName(password.NormalUsername(r.cells[at]))
			if line, ok := first[key]; ok && key != "" {
				found[r.line] = lang.T("%s: line %s has the same", column, strconv.Itoa(line))
			} else {
				first[key] = r.line
			}
		}
	}
	return found
}

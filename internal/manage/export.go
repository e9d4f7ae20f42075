package manage

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/caddyito/caddyito/store"
)

// exportStep is how many records are read at once: the list is written between two
// reads, so that a slow reader holds nothing up.
const exportStep = 500

// ErrFormat says that there is no such format of lists.
var ErrFormat = errors.New("it is csv or json")

// formats are those of lists, with what they are in HTTP.
var formats = map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json"}

// Export is a list that is about to be written.
type Export struct {
	// ContentType and FileName are what HTTP says of it.
	ContentType, FileName string

	store   store.Store
	format  string
	columns []string
	// page is one of the list, and the place of the next, "" after the last.
	page func(tx store.ReadTx, after string) (records []record, next string, err error)
}

// record is one of a list: its cells by column, and itself as the admin API shows it.
type record struct {
	cells []string
	whole any
}

// ExportUsers begins a list of all users that a query finds. That somebody takes it
// along is in the audit log before they have it.
func (m *Manager) ExportUsers(ctx context.Context, by Actor, format string, q store.UserQuery) (*Export, error) {
	about := []store.AuditChange{{Field: "search", New: q.Prefix}, {Field: "group", New: q.Group}, {Field: "status", New: string(q.Status)}}
	about = append(about, m.askedFor(store.UserType, q.Where)...)
	e := &Export{FileName: "users", columns: Columns(m.Schema, store.UserType)}
	e.page = func(tx store.ReadTx, after string) (records []record, next string, err error) {
		q.After, q.Limit = after, exportStep
		page, err := tx.SearchUsers(q)
		if err != nil {
			return nil, "", err
		}
		for _, u := range page.Users {
			u.Fields = m.Schema.Read(store.UserType, u.Fields)
			records = append(records, record{userCells(m.Schema, u), u})
		}
		return records, page.Next, nil
	}
	return e, m.beginExport(ctx, by, e, format, store.ActionUserExport, store.AuditParty{}, about)
}

// ExportObjects begins a list of all objects that a query finds, in the same way.
func (m *Manager) ExportObjects(ctx context.Context, by Actor, format string, q store.ObjectQuery) (*Export, error) {
	q.Schema = m.Schema
	about := append([]store.AuditChange{{Field: "search", New: q.Prefix}}, m.askedFor(q.Type, q.Where)...)
	e := &Export{FileName: q.Type, columns: Columns(m.Schema, q.Type)}
	e.page = func(tx store.ReadTx, after string) (records []record, next string, err error) {
		q.After, q.Limit = after, exportStep
		page, err := tx.SearchObjects(q)
		if err != nil {
			return nil, "", err
		}
		for _, o := range page.Objects {
			o.Fields = m.Schema.Read(q.Type, o.Fields)
			records = append(records, record{objectCells(m.Schema, o), o})
		}
		return records, page.Next, nil
	}
	return e, m.beginExport(ctx, by, e, format, store.ActionObjectExport, store.AuditParty{Type: q.Type}, about)
}

// askedFor is what a list is of, for the audit log.
func (m *Manager) askedFor(typ string, where store.Fields) (about []store.AuditChange) {
	for _, f := range FilterFields(m.Schema, typ) {
		switch v := where[f.Name].(type) {
		case store.Ref:
			about = append(about, store.AuditChange{Field: f.Name, New: v.String()})
		case string:
			about = append(about, store.AuditChange{Field: f.Name, New: v})
		}
	}
	return about
}

// beginExport has a list be of that format, and writes down who takes what along.
func (m *Manager) beginExport(ctx context.Context, by Actor, e *Export, format string, action store.AuditAction, what store.AuditParty, about []store.AuditChange) error {
	e.store, e.format, e.ContentType, e.FileName = m.Store, format, formats[format], e.FileName+"."+format
	if e.ContentType == "" {
		return fmt.Errorf("format %q: %w", format, ErrFormat)
	}
	asked := []store.AuditChange{{Field: "format", New: format}}
	for _, c := range about {
		if c.New != "" {
			asked = append(asked, c)
		}
	}
	return m.act(ctx, by, func(tx store.WriteTx, p power) error {
		return store.Audit(tx, m.origin(p), action, what, asked...)
	})
}

// Write writes the list, page after page.
func (e *Export) Write(ctx context.Context, w io.Writer) error {
	out, err := newExporter(e.format, w, e.columns)
	if err != nil {
		return err
	}
	for after := ""; ; {
		var records []record
		var next string
		err := e.store.View(ctx, func(tx store.ReadTx) (err error) {
			records, next, err = e.page(tx, after)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := out.write(r); err != nil {
				return err
			}
		}
		if after = next; after == "" {
			return out.close()
		}
	}
}

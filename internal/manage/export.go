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

	format  string
	columns []string
	// page is one of the list, and the place of the next, "" after the last.
	page func(ctx context.Context, after string) (records []record, next string, err error)
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
	if q.Field != "" {
		about = append(about, store.AuditChange{Field: q.Field, New: q.Ref.String()})
	}
	e := &Export{FileName: "users." + format, columns: Columns(m.Schema, store.UserType)}
	e.page = func(ctx context.Context, after string) (records []record, next string, err error) {
		q.After, q.Limit = after, exportStep
		err = m.Store.View(ctx, func(tx store.ReadTx) error {
			page, err := tx.SearchUsers(q)
			if err != nil {
				return err
			}
			records, next = nil, page.Next
			for _, u := range page.Users {
				u.Fields = m.Schema.Read(store.UserType, u.Fields)
				records = append(records, record{userCells(m.Schema, u), u})
			}
			return nil
		})
		return records, next, err
	}
	return e, m.beginExport(ctx, by, e, format, store.ActionUserExport, store.AuditParty{}, about)
}

// ExportObjects begins a list of all objects that a query finds, in the same way.
func (m *Manager) ExportObjects(ctx context.Context, by Actor, format string, q store.ObjectQuery) (*Export, error) {
	e := &Export{FileName: q.Type + "." + format, columns: Columns(m.Schema, q.Type)}
	e.page = func(ctx context.Context, after string) (records []record, next string, err error) {
		q.After, q.Limit = after, exportStep
		err = m.Store.View(ctx, func(tx store.ReadTx) error {
			page, err := tx.SearchObjects(q)
			if err != nil {
				return err
			}
			records, next = nil, page.Next
			for _, o := range page.Objects {
				o.Fields = m.Schema.Read(q.Type, o.Fields)
				records = append(records, record{objectCells(m.Schema, o), o})
			}
			return nil
		})
		return records, next, err
	}
	return e, m.beginExport(ctx, by, e, format, store.ActionObjectExport, store.AuditParty{Type: q.Type}, []store.AuditChange{{Field: "search", New: q.Prefix}})
}

// beginExport writes down who takes what along.
func (m *Manager) beginExport(ctx context.Context, by Actor, e *Export, format string, action store.AuditAction, what store.AuditParty, about []store.AuditChange) error {
	e.format, e.ContentType = format, formats[format]
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
		records, next, err := e.page(ctx, after)
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

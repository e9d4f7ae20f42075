package auditlog

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// Formats are those of an export: a table for spreadsheets, and a JSON object per
// line.
var Formats = []string{"csv", "jsonl"}

// Writer writes records one after the other.
type Writer struct {
	csv  *csv.Writer
	json *json.Encoder
}

// NewWriter begins an export in one of Formats.
func NewWriter(w io.Writer, format string) (*Writer, error) {
	switch format {
	case "csv":
		table := csv.NewWriter(w)
		return &Writer{csv: table}, table.Write([]string{
			"time", "action", "count", "actor_type", "actor_id", "actor", "target_type", "target_id", "target", "ip", "user_agent", "changes",
		})
	case "jsonl":
		return &Writer{json: json.NewEncoder(w)}, nil
	}
	return nil, fmt.Errorf("there is no format %q; there are %s", format, strings.Join(Formats, " and "))
}

// Write writes one.
func (w *Writer) Write(r *store.AuditRecord) error {
	if w.json != nil {
		return w.json.Encode(r)
	}
	row := []string{
		r.Time.Format(time.RFC3339Nano), string(r.Action), strconv.Itoa(r.Times()), r.Actor.Type, r.Actor.ID, r.Actor.Name,
		r.Target.Type, r.Target.ID, r.Target.Name, r.IP, r.UserAgent, ChangesText(r.Changes),
	}
	for i, cell := range row {
		row[i] = inert(cell)
	}
	return w.csv.Write(row)
}

// Flush ends a piece.
func (w *Writer) Flush() error {
	if w.csv == nil {
		return nil
	}
	w.csv.Flush()
	return w.csv.Error()
}

// inert keeps a spreadsheet from taking a text for a formula: strangers choose
// some of it.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// ChangesText is what was changed, on one line.
func ChangesText(changes []store.AuditChange) string {
	var parts []string
	for _, c := range changes {
		switch {
		case c.Old == "":
			parts = append(parts, fmt.Sprintf("%s: %s", c.Field, c.New))
		case c.New == "":
			parts = append(parts, fmt.Sprintf("%s: no longer %s", c.Field, c.Old))
		default:
			parts = append(parts, fmt.Sprintf("%s: %s -> %s", c.Field, c.Old, c.New))
		}
	}
	return strings.Join(parts, "; ")
}

// pageSize is how many records are read in one transaction.
const pageSize = 500

// Export hands what q asks for to write, a page at a time and each page in a
// transaction of its own, so that a long export holds up nobody.
func Export(ctx context.Context, s store.Store, q store.AuditQuery, write func([]*store.AuditRecord) error) error {
	for {
		var records []*store.AuditRecord
		err := s.View(ctx, func(tx store.ReadTx) (err error) {
			records, q.After, err = tx.Audit(&q, pageSize)
			return err
		})
		if err != nil {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		if err := write(records); err != nil {
			return err
		}
		if q.After.IsZero() {
			return nil
		}
	}
}

package auditlog

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/store/boltstore"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestParseTime(t *testing.T) {
	for text, want := range map[string]time.Time{
		"": {}, "24h": now.Add(-24 * time.Hour), "7d": now.AddDate(0, 0, -7), "90m": now.Add(-90 * time.Minute), "0s": now,
		"2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "2026-11-01T10:30": time.Date(2026, 11, 1, 10, 30, 0, 0, time.UTC),
		"2026-11-01T12:00:00+02:00": time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "-3d", "99999999999d", "2026-13-01", "d", "7 d"} {
		if got, err := ParseTime(text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// TestExport: all that was asked for comes out, however many pages it takes, and no
// cell of the table is a formula.
func TestExport(t *testing.T) {
	s, err := boltstore.Open(filepath.Join(t.TempDir(), "auth.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 2*pageSize + 1
	evil := []string{`=HYPERLINK("http://evil")`, "+1", "-1", "@SUM(A1)", "\t=1", "plain, with \"quotes\"\nand lines"}
	err = s.Update(t.Context(), func(tx store.WriteTx) error {
		for i := range n {
			r := &store.AuditRecord{Time: now.Add(time.Duration(i) * time.Second), Action: store.ActionUserChange, UserAgent: evil[i%len(evil)],
				Target: store.AuditParty{Type: "user", ID: "7", Name: evil[i%len(evil)]}, Changes: []store.AuditChange{{Field: "first_name", Old: "a", New: evil[i%len(evil)]}}}
			if err := tx.PutAudit(r); err != nil {
				return err
			}
		}
		return tx.PutAudit(&store.AuditRecord{Time: now, Action: store.ActionSignIn})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range Formats {
		var out bytes.Buffer
		w, err := NewWriter(&out, format)
		if err != nil {
			t.Fatal(err)
		}
		err = Export(t.Context(), s, store.AuditQuery{Action: "user."}, func(records []*store.AuditRecord) error {
			for _, r := range records {
				if err := w.Write(r); err != nil {
					return err
				}
			}
			return w.Flush()
		})
		if err != nil {
			t.Fatal(err)
		}
		if format == "jsonl" {
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			var first store.AuditRecord
			if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != n || !first.Time.Equal(now.Add((n-1)*time.Second)) {
				t.Errorf("%d lines, the first %+v, %v", len(lines), first, err)
			}
			continue
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != n+1 {
			t.Fatalf("%d rows, %v; want %d", len(rows), err, n+1)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
					t.Fatalf("a cell is %q", cell)
				}
			}
		}
	}
	if _, err := NewWriter(nil, "xml"); err == nil || !strings.Contains(err.Error(), "csv") {
		t.Errorf("an unknown format: %v", err)
	}
}

package manage

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/caddyito/caddyito/store"
)

// builtIn are the columns of a list of users, before those of the schema. date_joined
// and last_login are written, and passed over when a list is read.
var builtIn = []string{
	"id", "username", "email", "email_verified", "first_name", "last_name", "language", "groups",
	"is_active", "is_staff", "is_superuser", "date_joined", "last_login",
}

// hashColumn is read and never written: a hash that another system made.
const hashColumn = "password_hash"

// Columns are those of a list of users, or of objects of a type.
func Columns(s *store.Schema, typ string) []string {
	columns := []string{"id"}
	if typ == store.UserType {
		columns = append([]string(nil), builtIn...)
	}
	for _, f := range s.Fields(typ) {
		columns = append(columns, f.Name)
	}
	return columns
}

// cell is a value as it stands in a file that people open in a spreadsheet: what
// begins as a formula does gets an apostrophe in front, by which it is taken for text
// (OWASP, CSV Injection).
func cell(s string) string {
	if isFormula(s) || strings.HasPrefix(s, "'") {
		return "'" + s
	}
	return s
}

func isFormula(s string) bool { return s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) }

// plain undoes cell. What other programs wrote has no apostrophe to begin with.
func plain(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && (isFormula(rest) || strings.HasPrefix(rest, "'")) {
		return rest
	}
	return s
}

// userCells are those of a user, whose values the schema has read.
func userCells(s *store.Schema, u *store.User) []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	flag := strconv.FormatBool
	return append([]string{
		strconv.FormatInt(u.ID, 10), u.Username, u.Email, flag(u.EmailVerified), u.FirstName, u.LastName, u.Language, strings.Join(u.Groups, ","),
		flag(u.IsActive), flag(u.IsStaff), flag(u.IsSuperuser), at(u.DateJoined), at(u.LastLogin),
	}, fieldCells(s, store.UserType, u.Fields)...)
}

func objectCells(s *store.Schema, o *store.Object) []string {
	return append([]string{strconv.FormatInt(o.ID, 10)}, fieldCells(s, o.Type, o.Fields)...)
}

func fieldCells(s *store.Schema, typ string, values store.Fields) (cells []string) {
	for _, f := range s.Fields(typ) {
		cells = append(cells, values.Text(f.Name))
	}
	return cells
}

// exporter writes a list, one record after the other, and ends it.
type exporter interface {
	write(record) error
	close() error
}

// newExporter begins a list in CSV, with the columns as its first line, or in JSON.
func newExporter(format string, w io.Writer, columns []string) (exporter, error) {
	if format == "json" {
		_, err := io.WriteString(w, "[")
		return &jsonExporter{w: w}, err
	}
	e := csvExporter{csv.NewWriter(w)}
	return e, e.w.Write(columns)
}

type csvExporter struct{ w *csv.Writer }

func (e csvExporter) write(r record) error {
	for i := range r.cells {
		r.cells[i] = cell(r.cells[i])
	}
	return e.w.Write(r.cells)
}

func (e csvExporter) close() error {
	e.w.Flush()
	return e.w.Error()
}

// jsonExporter writes records as the admin API shows them.
type jsonExporter struct {
	w     io.Writer
	begun bool
}

func (e *jsonExporter) write(r record) error {
	b, err := json.Marshal(r.whole)
	if err != nil {
		return err
	}
	sep := "\n"
	if e.begun {
		sep = ",\n"
	}
	e.begun = true
	_, err = e.w.Write(append([]byte(sep), b...))
	return err
}

func (e *jsonExporter) close() error {
	_, err := io.WriteString(e.w, "\n]\n")
	return err
}

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
	"id", "username", "email", "email_verified", "first_name", "last_name", "groups",
	"is_active", "is_staff", "is_superuser", "date_joined", "last_login",
}

// hashColumn is read and never written: a hash that another system made.
const hashColumn = "password_hash"

// Columns are those of a list of users.
func Columns(s *store.Schema) []string {
	columns := append([]string(nil), builtIn...)
	for _, f := range s.User {
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

// Exporter writes a list of users, one after the other.
type Exporter interface {
	Write(*store.User) error
	// Close ends the list.
	Close() error
}

// NewCSV begins a list in CSV, with the columns as its first line.
func NewCSV(w io.Writer, s *store.Schema) (Exporter, error) {
	e := &csvExporter{csv.NewWriter(w), s}
	return e, e.w.Write(Columns(s))
}

type csvExporter struct {
	w *csv.Writer
	s *store.Schema
}

func (e *csvExporter) Write(u *store.User) error {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	flag := strconv.FormatBool
	row := []string{
		strconv.FormatInt(u.ID, 10), u.Username, u.Email, flag(u.EmailVerified), u.FirstName, u.LastName, strings.Join(u.Groups, ","),
		flag(u.IsActive), flag(u.IsStaff), flag(u.IsSuperuser), at(u.DateJoined), at(u.LastLogin),
	}
	values := e.s.Read(store.UserType, u.Fields)
	for _, f := range e.s.User {
		row = append(row, values.Text(f.Name))
	}
	for i := range row {
		row[i] = cell(row[i])
	}
	return e.w.Write(row)
}

func (e *csvExporter) Close() error {
	e.w.Flush()
	return e.w.Error()
}

// NewJSON begins a list in JSON, as the admin API shows users.
func NewJSON(w io.Writer, s *store.Schema) (Exporter, error) {
	_, err := io.WriteString(w, "[")
	return &jsonExporter{w: w, s: s}, err
}

type jsonExporter struct {
	w     io.Writer
	s     *store.Schema
	begun bool
}

func (e *jsonExporter) Write(u *store.User) error {
	u.Fields = e.s.Read(store.UserType, u.Fields)
	b, err := json.Marshal(u)
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

func (e *jsonExporter) Close() error {
	_, err := io.WriteString(e.w, "\n]\n")
	return err
}

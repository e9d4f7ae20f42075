package authapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/internal/manage"
)

func importCommand() *cobra.Command {
	imp := command("import <file> [--type <object type>] [--dry-run]", "Brings in a list of users, or of objects, in CSV; - is standard input. Its first line names the columns",
		cobra.ExactArgs(1), importCmd)
	typeFlag(imp)
	imp.Flags().BoolP("dry-run", "n", false, "Only say what would change")
	return imp
}

func exportCommand() *cobra.Command {
	exp := command("export [<file>] [--type <object type>] [--format csv|json] [--search <prefix>] [--group <name>] [--status <status>] [--where <field>=<value>]...",
		"Writes users, or objects, as a list, which import takes; to standard output without a file", cobra.MaximumNArgs(1), exportCmd)
	typeFlag(exp)
	exp.Flags().String("format", "csv", "csv, or json")
	filterFlags(exp)
	return exp
}

func typeFlag(cmd *cobra.Command) {
	cmd.Flags().String("type", "", "A list of objects of this type, company say, instead of users")
}

func filterFlags(cmd *cobra.Command) {
	cmd.Flags().String("search", "", "Only whose username, e-mail address or name begins so")
	whereFlag(cmd)
	cmd.Flags().String("group", "", "Only who is in this group")
	cmd.Flags().String("status", "", "Only who is active, disabled, staff or superuser")
}

func whereFlag(cmd *cobra.Command) {
	cmd.Flags().StringArray("where", nil, "Only what refers to that, or has that of its choices, as in company=Acme (repeatable)")
}

// filters are what those flags say, as the API has it.
func filters(cmd *cobra.Command) url.Values {
	query := url.Values{}
	for _, name := range []string{"search", "group", "status"} {
		if v, _ := cmd.Flags().GetString(name); v != "" {
			query.Set(name, v)
		}
	}
	if where, _ := cmd.Flags().GetStringArray("where"); len(where) > 0 {
		query["where"] = where
	}
	return query
}

// listType is what that flag says.
func (s *session) listType() string {
	typ, _ := s.cmd.Flags().GetString("type")
	return typ
}

func exportCmd(s *session, args []string) (err error) {
	query := filters(s.cmd)
	format, _ := s.cmd.Flags().GetString("format")
	if s.json {
		format = "json"
	}
	query.Set("format", format)
	query.Set("type", s.listType())
	out := s.out
	if len(args) > 0 {
		// Before it is asked for: nobody takes a list along that they have no place for.
		f, failed := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(failed, fs.ErrExist) {
			return fmt.Errorf("%s is there already, and a list is not written over anything; name another file", args[0])
		}
		if failed != nil {
			return fmt.Errorf("making the file of the list: %w", failed)
		}
		defer func() {
			if err = errors.Join(err, f.Close()); err != nil {
				err = errors.Join(err, os.Remove(args[0]))
				return
			}
			err = s.done("wrote the list to " + args[0])
		}()
		p := s.progress()
		p.silent = p.silent || !p.overwrite // nobody waits who reads a line when it is done
		defer p.end()
		out = &watched{f, p, 0}
	}
	resp, err := s.request(http.MethodGet, "/auth/export?"+query.Encode(), nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(out, resp.Body); err != nil {
		return fmt.Errorf("the list broke off, and is not whole: %w", err)
	}
	return nil
}

// watched is a file that shows how much was written; nobody knows how much there is.
type watched struct {
	io.Writer
	p *progress
	n int64
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	w.n += int64(n)
	w.p.show(fmt.Sprintf("%d kB", w.n/1000))
	return n, err
}

func importCmd(s *session, args []string) error {
	in := s.cmd.InOrStdin()
	if args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("opening the list: %w", err)
		}
		defer f.Close()
		in = f
	}
	dry, _ := s.cmd.Flags().GetBool("dry-run")
	resp, err := s.request(http.MethodPost, fmt.Sprintf("/auth/import?dry_run=%t&type=%s", dry, url.QueryEscape(s.listType())),
		http.Header{"Content-Type": {"text/csv"}}, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	p := s.progress()
	dec := json.NewDecoder(resp.Body)
	var status importStatus
	for status.Outcome == nil {
		status = importStatus{}
		if err := dec.Decode(&status); err != nil {
			return fmt.Errorf("the import broke off; what was done stays, and it can be begun again: %w", err)
		}
		p.count(status.Done, status.Total)
	}
	p.end()
	if err := s.print(status.Outcome, func(w io.Writer) { printOutcome(w, status.Outcome, dry) }); err != nil {
		return err
	}
	switch {
	case status.Error != "":
		return errors.New(status.Error)
	case status.Outcome.Failed > 0:
		return fmt.Errorf("there are problems in %d of %d lines", status.Outcome.Failed, status.Total)
	}
	return nil
}

func printOutcome(w io.Writer, o *manage.Outcome, dry bool) {
	for _, l := range o.Lines {
		what := l.Does
		for _, c := range l.Changes {
			if l.Does == "change" {
				what += fmt.Sprintf(" %s: %q -> %q", c.Field, c.Old, c.New)
			}
		}
		if l.Does == "fail" {
			what = "problem: "
			for i, p := range l.Problems {
				if i > 0 {
					what += "; "
				}
				what += p.String()
			}
		}
		row(w, fmt.Sprintf("line %d", l.Line), l.Name, what)
	}
	verb := ""
	if dry {
		verb = "would be "
	}
	fmt.Fprintf(w, "%d %screated, %d %schanged, %d as they are, %d with problems\n", o.Created, verb, o.Changed, verb, o.Unchanged, o.Failed)
}

// barWidth is that of a progress bar, in characters.
const barWidth = 30

// bar is how far something is.
func bar(done, total int) string {
	full := barWidth
	if total > 0 {
		full = barWidth * done / total
	}
	return fmt.Sprintf("[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, total)
}

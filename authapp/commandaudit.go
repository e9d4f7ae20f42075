package authapp

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/internal/auditlog"
	"github.com/caddyito/caddyito/store"
)

func auditCommand() *cobra.Command {
	list := command("list", "Lists the latest records of the audit log, newest first", cobra.NoArgs, auditListCmd)
	list.Flags().Int("limit", 50, "How many at the most")
	export := command("export", "Writes the audit log to standard output, newest first", cobra.NoArgs, auditExportCmd)
	export.Flags().String("format", "csv", strings.Join(auditlog.Formats, " or ")+" (a JSON object per line, as --json)")
	for _, cmd := range []*cobra.Command{list, export} {
		f := cmd.Flags()
		f.String("user", "", "Only what this user did, or what was done to them: a username, or id:<id>")
		f.String("actor", "", "Only what they did: a user, operator, server, or client:<id>")
		f.String("target", "", "Only what was done to them: a user, client:<id>, company:<id>")
		f.String("action", "", "Only this: user.change, say, or user. for all that begin so")
		f.String("since", "", "Only from then on: 24h or 7d ago, 2026-11-23, or 2026-11-23T12:00:00Z")
		f.String("until", "", "Only before then")
	}
	return group("audit", "Shows who did what to whom", list, export)
}

// auditParams are the filters that the flags name.
func (s *session) auditParams() url.Values {
	params := url.Values{}
	for _, name := range []string{"user", "actor", "target", "action", "since", "until"} {
		if v, _ := s.cmd.Flags().GetString(name); v != "" {
			params.Set(name, v)
		}
	}
	return params
}

// auditPages asks for pages until use has had enough, or there are no more.
func (s *session) auditPages(use func(*auditPage) (more bool, err error)) error {
	params := s.auditParams()
	params.Set("limit", "500")
	for {
		var page auditPage
		if err := s.call(http.MethodGet, "/auth/audit?"+params.Encode(), nil, &page); err != nil {
			return err
		}
		more, err := use(&page)
		if err != nil || !more || page.Next == "" {
			return err
		}
		params.Set("after", page.Next)
	}
}

func auditListCmd(s *session, _ []string) error {
	limit, _ := s.cmd.Flags().GetInt("limit")
	if limit < 1 {
		return fmt.Errorf("--limit %d: it is a number from 1; all of the log comes by caddy auth audit export", limit)
	}
	all := auditPage{Records: []*store.AuditRecord{}}
	err := s.auditPages(func(page *auditPage) (bool, error) {
		all.Records = append(all.Records, page.Records...)
		all.Next = page.Next
		if len(all.Records) > limit {
			all.Records = all.Records[:limit]
			last := all.Records[limit-1]
			all.Next = store.AuditCursor{Time: last.Time, ID: last.ID}.String()
		}
		return len(all.Records) < limit, nil
	})
	if err != nil {
		return err
	}
	return s.print(all, func(w io.Writer) {
		row(w, "TIME", "ACTION", "WHO", "WHOM", "FROM", "CHANGES")
		for _, r := range all.Records {
			action := string(r.Action)
			if r.Count > 1 {
				action += " (" + strconv.Itoa(r.Count) + " times)"
			}
			row(w, when(r.Time), action, partyText(r.Actor), partyText(r.Target), r.IP, auditlog.ChangesText(r.Changes))
		}
	})
}

func partyText(p store.AuditParty) string {
	switch {
	case p.Type == store.UserType && p.Name != "":
		return p.Name
	case p.ID == "":
		return p.Type
	}
	text := p.Type + ":" + p.ID
	if p.Name != "" && p.Name != p.ID {
		text += " (" + p.Name + ")"
	}
	return text
}

func auditExportCmd(s *session, _ []string) error {
	format, _ := s.cmd.Flags().GetString("format")
	if s.json {
		format = "jsonl"
	}
	out := s.out
	if format == "jsonl" {
		out = plainJSON{out}
	}
	w, err := auditlog.NewWriter(out, format)
	if err != nil {
		return err
	}
	return s.auditPages(func(page *auditPage) (bool, error) {
		for _, r := range page.Records {
			if err := w.Write(r); err != nil {
				return false, err
			}
		}
		return true, w.Flush()
	})
}

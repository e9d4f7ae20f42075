package authapp

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/internal/auditlog"
	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
	"github.com/caddyito/caddyito/usersync"
)

// completer finds what an argument or flag may be, given the arguments before it and
// how it begins. Whatever goes wrong, it finds nothing.
type completer func(s *session, args []string, begin string) []string

// completions are those of arguments, in their order, by command. Of the last the same
// holds for whatever follows.
var completions = map[string][]completer{
	"user show": {userNames}, "user disable": {userNames}, "user enable": {userNames}, "user delete": {userNames}, "user password": {userNames}, "user password-link": {userNames},
	"user sessions": {userNames}, "user apps": {userNames}, "user revoke-app": {userNames, appIDs}, "user factors list": {userNames}, "user factors reset": {userNames},
	"user set":          {userNames, assignmentsOf(func([]string) string { return store.UserType })},
	"user bulk disable": {userNames, userNames}, "user bulk enable": {userNames, userNames}, "user bulk sign-out": {userNames, userNames}, "user bulk delete": {userNames, userNames},
	"group add": {groupNames, userNames, userNames}, "group remove": {groupNames, userNames, userNames}, "group rename": {groupNames, groupNames}, "group delete": {groupNames},
	"client show": {clientIDs}, "client set": {storedClientIDs}, "client disable": {storedClientIDs}, "client enable": {storedClientIDs}, "client delete": {storedClientIDs}, "client rotate-secret": {storedClientIDs},
	"object list": {objectTypeNames}, "object create": {objectTypeNames, assignmentsOf(typeFirst)}, "object show": {objectTypeNames, objectIDs}, "object delete": {objectTypeNames, objectIDs},
	"object bulk delete": {objectTypeNames, objectIDs},
	"object set":         {objectTypeNames, objectIDs, assignmentsOf(typeFirst)},
	"sync resync":        {syncClientIDs}, "registration revoke": {registrationIDs},
}

// endless are commands whose last argument may come again and again.
var endless = map[string]bool{
	"user set": true, "object create": true, "object set": true, "object bulk delete": true, "user bulk disable": true, "user bulk enable": true, "user bulk sign-out": true, "user bulk delete": true,
	"group add": true, "group remove": true,
}

// filed are commands whose argument is a file.
var filed = map[string]bool{"import": true, "export": true, "backup": true, "restore": true}

// flagCompletions are those of flags, by command and flag or by the flag alone.
var flagCompletions = map[string]completer{
	"group": groupNames, "allow-group": groupNames,
	"status": fixed("active", "disabled", "staff", "superuser"),
	"sync":   fixed(string(store.SyncAll), string(store.SyncGranted), string(store.SyncOff)),
	"scope":  fixed(store.Scopes()...), "grant-type": fixed(store.GrantTypes()...), "id-token-signed-response-alg": fixed(store.SigningAlgs()...),
	"access-token-format":  fixed(string(store.AccessTokenOpaque), string(store.AccessTokenJWT)),
	"fields":               fieldPaths,
	"set":                  assignmentsOf(func([]string) string { return store.UserType }),
	"client create format": fixed(string(store.FormatDjangito)), "client set format": fixed(string(store.FormatDjangito)),
	"export format": fixed("csv", "json"), "audit export format": fixed(auditlog.Formats...),
	"user": userNames, "actor": auditParties, "target": auditParties,
	"end-one": sessionIDs, "type": objectTypeNames, "where": wherever,
}

// addCompletions has the commands below cmd complete; path is what leads to it.
func addCompletions(cmd *cobra.Command, path string) {
	for _, sub := range cmd.Commands() {
		at := strings.TrimSpace(path + " " + sub.Name())
		addCompletions(sub, at)
		if !sub.HasSubCommands() && !filed[at] {
			sub.ValidArgsFunction = func(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
				list := completions[at]
				i := len(args)
				if endless[at] {
					i = min(i, len(list)-1)
				}
				if i >= len(list) {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
				return list[i].find(cmd, args, begin)
			}
		}
		for name, c := range flagCompletions {
			command, flag, ok := cutLast(name)
			if ok && command != at || sub.LocalNonPersistentFlags().Lookup(flag) == nil {
				continue
			}
			// The one error is that it has some already, and none has.
			_ = sub.RegisterFlagCompletionFunc(flag, c.find)
		}
	}
}

func cutLast(s string) (before, last string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// completeWithin is how long a person who pressed the tabulator waits at the most.
const completeWithin = 2 * time.Second

// find is the completer as the shell asks it.
func (c completer) find(cmd *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	s, err := newSession(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found := make(chan []string, 1)
	go func() { found <- c(s, args, begin) }() // which ends with the process
	select {
	case all := <-found:
		return safe(all, begin)
	case <-time.After(completeWithin):
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// safe leaves out what does not begin so, and what a shell would take for anything but
// one word.
func safe(all []string, begin string) (list []string, directive cobra.ShellCompDirective) {
	directive = cobra.ShellCompDirectiveNoFileComp
	for _, text := range all {
		value, _, _ := strings.Cut(text, "\t")
		if value == "" || !strings.HasPrefix(strings.ToLower(value), strings.ToLower(begin)) || strings.ContainsAny(value, " \t$`\\\"';|&<>()*?~#!{}[]\n\r") {
			continue
		}
		if strings.HasSuffix(value, "=") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		list = append(list, text)
	}
	return list, directive
}

func fixed(values ...string) completer {
	return func(*session, []string, string) []string { return values }
}

func userNames(s *session, _ []string, begin string) (list []string) {
	path := "/auth/users?limit=100"
	if begin != "" {
		path += "&search=" + url.QueryEscape(begin)
	}
	var page struct{ Users []*store.User }
	if s.call(http.MethodGet, path, nil, &page) != nil {
		return nil
	}
	for _, u := range page.Users {
		list = append(list, u.Username+"\t"+fullName(u))
	}
	return list
}

func groupNames(s *session, _ []string, _ string) (list []string) {
	var page groupPage
	if s.call(http.MethodGet, "/auth/groups?limit=1000", nil, &page) != nil {
		return nil
	}
	for _, g := range page.Groups {
		list = append(list, g.Name+"\t"+strconv.Itoa(g.Members)+" members")
	}
	return list
}

func clientIDs(s *session, _ []string, _ string) []string { return s.clientsOf("") }

// storedClientIDs are those that can be changed.
func storedClientIDs(s *session, _ []string, _ string) []string { return s.clientsOf(sourceStore) }

func (s *session) clientsOf(source string) (list []string) {
	var page clientPage
	if s.call(http.MethodGet, "/auth/clients?limit=1000", nil, &page) != nil {
		return nil
	}
	for _, c := range page.Clients {
		if source == "" || c.Source == source {
			list = append(list, c.ID+"\t"+c.Name)
		}
	}
	return list
}

func syncClientIDs(s *session, _ []string, _ string) (list []string) {
	var v usersync.Status
	if s.call(http.MethodGet, "/auth/sync", nil, &v) != nil {
		return nil
	}
	for _, c := range v.Clients {
		list = append(list, c.ClientID+"\t"+string(c.State()))
	}
	return list
}

// appIDs are the clients that the user of the argument before lets have something.
func appIDs(s *session, args []string, _ string) (list []string) {
	var page appPage
	if s.call(http.MethodGet, userPath(args[0], "apps"), nil, &page) != nil {
		return nil
	}
	for _, a := range page.Apps {
		list = append(list, a.ClientID)
	}
	return list
}

// sessionIDs are those of the user of the first argument.
func sessionIDs(s *session, args []string, _ string) (list []string) {
	var page sessionPage
	if len(args) == 0 || s.call(http.MethodGet, userPath(args[0], "sessions"), nil, &page) != nil {
		return nil
	}
	for _, x := range page.Sessions {
		list = append(list, x.ID+"\t"+when(x.AuthTime)+" "+x.IP)
	}
	return list
}

// auditParties are who may stand in the audit log.
func auditParties(s *session, args []string, begin string) []string {
	list := append(userNames(s, args, begin), store.OperatorParty, store.ServerParty)
	for _, id := range clientIDs(s, nil, "") {
		list = append(list, store.ClientParty+":"+id)
	}
	return list
}

func (s *session) schema() (schema store.Schema) {
	if s.call(http.MethodGet, "/auth/schema", nil, &schema) != nil {
		return store.Schema{}
	}
	return schema
}

func objectTypeNames(s *session, _ []string, _ string) (list []string) {
	for _, t := range s.schema().Objects {
		list = append(list, t.Name)
	}
	return list
}

func typeFirst(args []string) string { return args[0] }

// objectIDs are those of the type of the first argument, by id.
func objectIDs(s *session, args []string, _ string) (list []string) {
	var page objectPage
	if s.call(http.MethodGet, objectPath(args[:1])+"?limit=100", nil, &page) != nil {
		return nil
	}
	for _, o := range page.Objects {
		label := cmp.Or(o.Fields.Text("name"), o.Fields.Text("title"))
		list = append(list, strconv.FormatInt(o.ID, 10)+"\t"+label)
	}
	return list
}

// assignmentsOf completes <field>= of a type, and the value where there are few.
func assignmentsOf(typ func(args []string) string) completer {
	return func(s *session, args []string, begin string) (list []string) {
		t := typ(args)
		schema := s.schema()
		fields := schema.Fields(t)
		if t == store.UserType {
			for _, name := range []string{"username", "email", "first_name", "last_name", "language", "groups"} {
				fields = append(fields, store.Field{Name: name})
			}
			for _, name := range []string{"email_verified", "is_active", "is_staff", "is_superuser"} {
				fields = append(fields, store.Field{Name: name, Type: store.Boolean})
			}
		}
		for _, f := range fields {
			values := f.Choices
			if f.Type == store.Boolean {
				values = []string{"true", "false"}
			}
			if !strings.HasPrefix(begin, f.Name+"=") || len(values) == 0 {
				list = append(list, f.Name+"=")
				continue
			}
			for _, v := range values {
				list = append(list, f.Name+"="+v)
			}
		}
		return list
	}
}

// wherever completes <field>= of what is listed by a command, and the choices.
func wherever(s *session, args []string, begin string) (list []string) {
	schema, typ := s.schema(), cmp.Or(s.listType(), store.UserType)
	if s.cmd.Flags().Lookup("group") == nil { // objects are in none, and their type is the first argument
		typ = strings.Join(args[:min(len(args), 1)], "")
	}
	for _, f := range manage.FilterFields(&schema, typ) {
		if !strings.HasPrefix(begin, f.Name+"=") {
			list = append(list, f.Name+"=")
			continue
		}
		for _, c := range f.Choices {
			list = append(list, f.Name+"="+c)
		}
	}
	return list
}

// fieldPaths are what a client can be told of users.
func fieldPaths(s *session, _ []string, _ string) (list []string) {
	schema := s.schema()
	for _, f := range schema.User {
		if f.Private {
			continue
		}
		list = append(list, f.Name)
		for _, below := range schema.Fields(f.Target) {
			if f.Type == store.Relation && !below.Private {
				list = append(list, f.Name+"."+below.Name)
			}
		}
	}
	return append(list, "email", "first_name", "last_name", "groups")
}

// registrationIDs are those of tokens for registration that were not used yet.
func registrationIDs(s *session, _ []string, _ string) (list []string) {
	var page registrationPage
	if s.call(http.MethodGet, "/auth/registrations", nil, &page) != nil {
		return nil
	}
	for _, r := range page.Registrations {
		list = append(list, r.ID+"\t"+cmp.Or(r.Name, strings.Join(r.Origins, " ")))
	}
	return list
}

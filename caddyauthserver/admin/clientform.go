package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// clientForm is the form of a client, new or not.
type clientForm struct {
	frame
	New     bool
	ID      string
	Action  string
	BackURL string
	Presets []preset
	Preset  string
	Address string
	Fields  []field
	// More are what few apps need. It opens by itself where one of them is set, or
	// wrong.
	More   []fieldGroup
	Open   bool
	Alerts []lang.Text
}

// fieldGroup are fields that belong together.
type fieldGroup struct {
	Legend lang.Text
	Fields []field
}

// clientFields are all that there is to say of a client: its inputs have the names
// that ClientSettings has in JSON.
func clientFields(c *store.Client, isNew bool) []field {
	fields := []field{
		{Name: "name", Kind: "text", Label: lang.T("Name"), Value: c.Name, Max: 200, Hint: lang.T("What people read when they are asked for consent.")},
		{Name: "redirect_uris", Kind: "textarea", Label: lang.T("Redirect URIs"), Value: strings.Join(c.RedirectURIs, "\n"), Rows: 3, Hint: lang.T("Where people come back to, one on each line, exactly as the app says it.")},
		{Name: "post_logout_redirect_uris", Kind: "textarea", Label: lang.T("After signing out"), Value: strings.Join(c.PostLogoutRedirectURIs, "\n"), Rows: 2, Hint: lang.T("Where people may come back to then, one on each line.")},
		{Name: "scopes", Kind: "text", Label: lang.T("Scopes"), Value: strings.Join(c.Scopes, " "), Hint: lang.T("Separated by spaces. None: all but those of APIs.")},
		{Name: "allow_groups", Kind: "text", Label: lang.T("Groups that may sign in"), Value: strings.Join(c.AllowGroups, ", "), Hint: lang.T("Separated by commas. None: everybody.")},
		{Name: "sync", Kind: "choice", Label: lang.T("Told of changes of users"), Choices: choose(string(c.Sync),
			choice{"", lang.T("as is usual for its kind"), false}, choice{string(store.SyncAll), lang.T("of all"), false},
			choice{string(store.SyncGranted), lang.T("of who signed in there"), false}, choice{string(store.SyncOff), lang.T("of none"), false})},
	}
	if isNew {
		id := field{Name: "id", Kind: "text", Label: lang.T("Client ID"), Value: c.ID, Max: 100, Required: true}
		public := field{Name: "public", Kind: "checkbox", Label: lang.T("Public: an app in the browser or on a phone, which can keep no secret"), Value: strconv.FormatBool(c.Public)}
		fields = append(append([]field{id}, fields...), public)
	}
	return append(fields, field{Name: "skip_consent", Kind: "checkbox", Label: lang.T("One's own app: people are not asked for consent"), Value: strconv.FormatBool(c.SkipConsent)})
}

// moreClientFields are those that few apps need.
func moreClientFields(c *store.Client) []fieldGroup {
	grants := map[string]lang.Text{
		store.GrantCode:              lang.T("People sign in with a browser (%s)", store.GrantCode),
		store.GrantRefresh:           lang.T("It goes on without asking them again (%s)", store.GrantRefresh),
		store.GrantClientCredentials: lang.T("It acts for itself, without a person (%s)", store.GrantClientCredentials),
		store.GrantDevice:            lang.T("It runs where there is no browser: a television, a command line (%s)", "device_code"),
	}
	var grantTypes, algs []choice
	for _, g := range store.GrantTypes() {
		grantTypes = append(grantTypes, choice{g, grants[g], c.MayUse(g)})
	}
	algs = append(algs, choice{"", lang.T("as usual (%s)", store.DefaultSigningAlg), false})
	for _, alg := range store.SigningAlgs() {
		algs = append(algs, choice{alg, lang.Text{Key: alg}, false})
	}
	return []fieldGroup{
		{lang.T("What it is told"), []field{
			{Name: "sync_url", Kind: "text", Label: lang.T("Address for changes"), Value: c.SyncURL, Max: 1000},
			{Name: "fields", Kind: "text", Label: lang.T("Fields of users"), Value: strings.Join(c.Fields, " "), Hint: lang.T("Separated by spaces, as in email company.name. None: all but private ones.")},
			{Name: "backchannel_logout_uri", Kind: "text", Label: lang.T("Address for sign-outs"), Value: c.BackchannelLogoutURI, Max: 1000},
			{Name: "frontchannel_logout_uri", Kind: "text", Label: lang.T("Page that is loaded when people sign out"), Value: c.FrontchannelLogoutURI, Max: 1000},
		}},
		{lang.T("Tokens"), []field{
			{Name: "grant_types", Kind: "checks", Label: lang.T("How it gets tokens"), Choices: grantTypes, Set: len(c.GrantTypes) > 0, Hint: lang.T("None: the first two.")},
			{Name: "access_token_format", Kind: "choice", Label: lang.T("Access tokens"), Choices: choose(string(c.AccessTokenFormat),
				choice{"", lang.T("as usual (%s)", store.AccessTokenOpaque), false}, choice{string(store.AccessTokenOpaque), lang.T("opaque: only the server can read them"), false},
				choice{string(store.AccessTokenJWT), lang.T("JWT, for APIs that read them by themselves"), false})},
			{Name: "access_token_lifetime", Kind: "text", Label: lang.T("How long access tokens live"), Value: c.AccessTokenLifetime.Text(), Max: 20, Hint: lang.T("As in 5m, 24h or 30d. None: as the server says.")},
			{Name: "refresh_token_lifetime", Kind: "text", Label: lang.T("How long it can go without renewing them"), Value: c.RefreshTokenLifetime.Text(), Max: 20, Hint: lang.T("As in 5m, 24h or 30d. None: as the server says.")},
			{Name: "resources", Kind: "textarea", Label: lang.T("APIs that it may ask tokens for"), Value: strings.Join(c.Resources, "\n"), Rows: 2, Hint: lang.T("One on each line, as in https://api.example.com.")},
			{Name: "id_token_signed_response_alg", Kind: "choice", Label: lang.T("What signs its ID tokens"), Choices: choose(c.IDTokenAlg, algs...)},
		}},
		{lang.T("How it asks"), []field{
			{Name: "require_pushed_authorization_requests", Kind: "checkbox", Label: lang.T("Only requests that it pushed count (PAR)"), Value: strconv.FormatBool(c.RequirePAR)},
			{Name: "allow_no_pkce", Kind: "checkbox", Label: lang.T("The app does not use PKCE"), Value: strconv.FormatBool(c.AllowNoPKCE)},
			{Name: "format", Kind: "choice", Label: lang.T("Kind of app"), Choices: choose(string(c.Format),
				choice{"", lang.T("as usual (OpenID Connect)"), false}, choice{string(store.FormatDjangito), lang.T("a Django project with djangito"), false})},
			{Name: "admin_flags", Kind: "checkbox", Label: lang.T("djangito is told who is staff or superuser"), Value: strconv.FormatBool(c.AdminFlags)},
		}},
	}
}

// choose marks the one that is chosen.
func choose(value string, of ...choice) []choice {
	for i := range of {
		of[i].Chosen = of[i].Value == value
	}
	return of
}

// fill has the form show a client.
func (f *clientForm) fill(c *store.Client) {
	f.ID, f.Fields, f.More = c.ID, clientFields(c, f.New), moreClientFields(c)
	unmark(f.Fields)
	for _, group := range f.More {
		unmark(group.Fields)
		f.Open = f.Open || slices.ContainsFunc(group.Fields, field.isSet)
	}
}

func unmark(fields []field) {
	for i := range fields {
		fields[i].Unmarked = fields[i].Kind != "checkbox"
	}
}

// wrongForm has it show what was posted, and what is wrong with that.
func (f *clientForm) wrongForm(form url.Values, wrong problems) {
	all := slices.Clone(f.Fields)
	posted(f.Fields, form, wrong)
	for _, group := range f.More {
		all = append(all, group.Fields...)
		posted(group.Fields, form, wrong)
		f.Open = f.Open || slices.ContainsFunc(group.Fields, field.isSet)
	}
	f.Alerts = append([]lang.Text{lang.T("Please correct what is marked below.")}, wrong.general(all)...)
}

// applyClient sets what the form has, which is all but whether the client is public.
func applyClient(s *store.ClientSettings, form url.Values) error {
	trimmed := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	s.Name = trimmed("name")
	s.RedirectURIs, s.PostLogoutRedirectURIs = lines(form.Get("redirect_uris")), lines(form.Get("post_logout_redirect_uris"))
	s.Scopes, s.AllowGroups = strings.Fields(form.Get("scopes")), commas(form.Get("allow_groups"))
	s.Sync, s.SyncURL = store.SyncMode(form.Get("sync")), trimmed("sync_url")
	s.Fields = fieldNames(form.Get("fields"))
	s.BackchannelLogoutURI, s.FrontchannelLogoutURI = trimmed("backchannel_logout_uri"), trimmed("frontchannel_logout_uri")
	s.GrantTypes = grantTypes(s, form["grant_types"])
	s.AccessTokenFormat, s.Resources = store.AccessTokenFormat(form.Get("access_token_format")), lines(form.Get("resources"))
	s.IDTokenAlg, s.Format = form.Get("id_token_signed_response_alg"), store.ClientFormat(form.Get("format"))
	for name, to := range map[string]*bool{
		"skip_consent": &s.SkipConsent, "allow_no_pkce": &s.AllowNoPKCE, "admin_flags": &s.AdminFlags, "require_pushed_authorization_requests": &s.RequirePAR,
	} {
		*to = form.Get(name) != ""
	}
	var wrong []store.Problem
	for name, to := range map[string]*store.Duration{"access_token_lifetime": &s.AccessTokenLifetime, "refresh_token_lifetime": &s.RefreshTokenLifetime} {
		if *to = 0; trimmed(name) == "" {
			continue
		}
		d, err := store.ParseDuration(form.Get(name))
		if err == nil && d == 0 { // which would count as none
			err = store.CheckTokenLifetime(-1)
		}
		if err != nil {
			wrong = append(wrong, store.ProblemOf(name, err))
		}
		*to = d
	}
	if len(wrong) > 0 {
		return &store.InvalidError{Type: "client", Problems: wrong}
	}
	return nil
}

// fieldNames are those of a field that takes several, with spaces or commas between.
func fieldNames(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == ',' })
}

// grantTypes are those that are ticked. Where they are those that count already, what
// is said of them stays as it is: also nothing.
func grantTypes(s *store.ClientSettings, ticked []string) []string {
	inForce := slices.DeleteFunc(store.GrantTypes(), func(g string) bool { return !s.MayUse(g) })
	if slices.Equal(inForce, ticked) {
		return s.GrantTypes
	}
	return ticked
}

// lines are the values of a field that takes one on each.
func lines(s string) (list []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

func commas(s string) (list []string) {
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	return list
}

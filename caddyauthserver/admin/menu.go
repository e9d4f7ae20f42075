package admin

import (
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// menu is what stands beside each page: what the person may see.
func (a *Admin) menu(v *visit, current string) *webpage.Menu {
	m := &webpage.Menu{Label: lang.T("Administration"), Who: v.User.Name(), AccountURL: a.AccountURL}
	add := func(name string, text lang.Text) {
		m.Items = append(m.Items, webpage.MenuItem{Text: text, URL: a.path(name), Current: name == current})
	}
	if v.User.IsSuperuser {
		add("overview", lang.T("Overview"))
	}
	add("users", lang.T("Users"))
	add("groups", lang.T("Groups"))
	for _, t := range a.Schema.Objects {
		add("objects/"+t.Name, lang.Text{Key: typeLabel(t.Name)})
	}
	operationMenu(v, add)
	return m
}

// typeLabel is what to call an object type, or a field: its name as declared, as a
// person would write it.
func typeLabel(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

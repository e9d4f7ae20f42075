package caddyauthclient

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyito/caddyito/authapp/directive"
	"github.com/caddyito/caddyito/caddyauthclient/gate"
)

// readAllow reads one rule: a line with a single condition, or a block.
func (h *Handler) readAllow(d *caddyfile.Dispenser) error {
	start := d.Token()
	var rule gate.Rule
	conditions := append(personConditions(&rule.Users, &rule.Groups, &rule.Fields),
		directive.Option{Name: "path", Repeatable: true, Read: readPaths("path", &rule.Paths)})
	if err := readConditions(d, "allow", conditions); err != nil {
		return err
	}
	if err := directive.At(start, checkRule(rule)); err != nil {
		return err
	}
	h.Allow = append(h.Allow, rule)
	return nil
}

// readConditions reads a single condition on the line of d, or a block of them.
func readConditions(d *caddyfile.Dispenser, of string, conditions []directive.Option) error {
	if !d.NextArg() {
		return directive.Options(d, of, conditions)
	}
	for _, c := range conditions {
		if c.Name == d.Val() {
			return c.Read(d)
		}
	}
	var names []string
	for _, c := range conditions {
		names = append(names, c.Name)
	}
	return d.Errf("%s has no condition '%s'; there are: %s", of, d.Val(), strings.Join(names, ", "))
}

// personConditions are those that the rules and the matcher auth_user share.
func personConditions(users, groups *[]string, fields *map[string][]string) []directive.Option {
	return []directive.Option{
		{Name: "user", Repeatable: true, Read: directive.Texts(users)},
		{Name: "group", Repeatable: true, Read: directive.Texts(groups)},
		{Name: "field", Repeatable: true, Read: func(d *caddyfile.Dispenser) error {
			args := d.RemainingArgs()
			if len(args) < 2 {
				return d.Errf("field takes a name and one value or more, as in: field company.name Acme")
			}
			if err := directive.Wrap(d, gate.CheckField(args[0])); err != nil {
				return err
			}
			if *fields == nil {
				*fields = map[string][]string{}
			}
			(*fields)[args[0]] = append((*fields)[args[0]], args[1:]...)
			return nil
		}},
	}
}

func readPaths(option string, target *[]string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		first := len(*target)
		if err := directive.Texts(target)(d); err != nil {
			return err
		}
		for _, p := range (*target)[first:] {
			if err := directive.Wrap(d, checkPath(option, p)); err != nil {
				return err
			}
		}
		return nil
	}
}

func checkPath(option, p string) error {
	err := gate.CheckPath(p)
	if err != nil && option != "path" { // that word the error has
		return fmt.Errorf("%s: %w", option, err)
	}
	return err
}

func checkRule(r gate.Rule) error {
	if len(r.Paths)+len(r.Users)+len(r.Groups)+len(r.Fields) == 0 {
		return errors.New("allow: says nobody; without allow, everyone who is signed in may pass")
	}
	for _, p := range r.Paths {
		if err := checkPath("path", p); err != nil {
			return err
		}
	}
	return checkFields("allow", r.Fields)
}

func checkFields(option string, fields map[string][]string) error {
	for name, values := range fields {
		if err := gate.CheckField(name); err != nil {
			return fmt.Errorf("%s: %w", option, err)
		}
		if len(values) == 0 {
			return fmt.Errorf("%s: field %s needs the values that are meant", option, name)
		}
	}
	return nil
}

package directive

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Options reads the block, if there is one, of the directive or option called
// of, whose arguments d has passed.
func Options(d *caddyfile.Dispenser, of string, options []Option) error {
	seen, last := map[string]bool{}, of
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		o := find(options, name)
		switch {
		case o == nil && name == "{":
			return d.Errf("%s takes no block", last)
		case o == nil:
			return d.Errf("%s has no option '%s'; there are: %s", of, name, names(options))
		}
		if seen[name] && !o.Repeatable {
			return d.Errf("%s is given twice", name)
		}
		seen[name], last = true, name
		if err := o.Read(d); err != nil {
			return err
		}
	}
	return nil
}

// Option is an option of a block.
type Option struct {
	Name string
	// Repeatable options may be given more than once.
	Repeatable bool
	// Read reads the arguments; d stands at the option's name.
	Read func(d *caddyfile.Dispenser) error
}

func find(options []Option, name string) *Option {
	for i := range options {
		if options[i].Name == name {
			return &options[i]
		}
	}
	return nil
}

func names(options []Option) string {
	list := make([]string, len(options))
	for i, o := range options {
		list[i] = o.Name
	}
	return strings.Join(list, ", ")
}

// Text reads one argument into target.
func Text(target *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error { return one(d, target) }
}

// Texts reads one or more arguments and adds them to target.
func Texts(target *[]string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.ArgErr()
		}
		*target = append(*target, args...)
		return nil
	}
}

// Flag takes no argument; that it is there sets target.
func Flag(target *bool) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if d.NextArg() {
			return d.ArgErr()
		}
		*target = true
		return nil
	}
}

// Word reads one of two words; target says whether it was the second.
func Word(target *bool, off, on string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		name := d.Val()
		var v string
		if err := one(d, &v); err != nil {
			return err
		}
		if v != off && v != on {
			return d.Errf("%s is '%s' or '%s', not '%s'", name, off, on, v)
		}
		*target = v == on
		return nil
	}
}

// Duration reads one duration greater than zero ("90s", "24h", "30d").
func Duration(target *caddy.Duration) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		name := d.Val()
		var v string
		if err := one(d, &v); err != nil {
			return err
		}
		dur, err := caddy.ParseDuration(v)
		if err != nil {
			return d.Errf("%s: '%s' is not a duration such as 90s, 24h or 30d", name, v)
		}
		if dur <= 0 {
			return d.Errf("%s must be longer than nothing", name)
		}
		*target = caddy.Duration(dur)
		return nil
	}
}

func one(d *caddyfile.Dispenser, target *string) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	v := d.Val()
	if d.NextArg() {
		return d.ArgErr()
	}
	*target = v
	return nil
}

// Wrap adds to err, if there is one, the file and line where d stands.
func Wrap(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

// At adds to err the file and line of an earlier token: what is wrong with a
// whole block belongs to where it begins.
func At(token caddyfile.Token, err error) error {
	if err == nil {
		return nil
	}
	d := caddyfile.NewDispenser([]caddyfile.Token{token})
	d.Next()
	return d.WrapErr(err)
}

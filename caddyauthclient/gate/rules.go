package gate

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/caddyito/caddyito/store"
)

// policy is Public and Allow, compiled.
type policy struct {
	public []pattern
	rules  []rule
	// general: there are rules without Paths.
	general bool
	// paths: there are rules with Paths.
	paths bool

	mu     sync.Mutex // guards judged
	judged map[string]*[]bool
}

type rule struct {
	paths  []pattern // folded
	users  []string  // canonical
	groups []string
	fields map[string][]string
}

func newPolicy(c *Config) (*policy, error) {
	p := &policy{judged: map[string]*[]bool{}}
	for _, s := range c.Public {
		if err := checkPattern(s); err != nil {
			return nil, fmt.Errorf("public: %w", err)
		}
		p.public = append(p.public, newPattern(s))
	}
	for _, r := range c.Allow {
		compiled := rule{groups: slices.Clone(r.Groups), fields: r.Fields}
		for _, s := range r.Paths {
			if err := checkPattern(s); err != nil {
				return nil, fmt.Errorf("allow: %w", err)
			}
			compiled.paths = append(compiled.paths, newPattern(foldPath(s)))
		}
		for _, u := range r.Users {
			compiled.users = append(compiled.users, store.CanonicalName(u))
		}
		if len(r.Paths) > 0 {
			p.paths = true
		} else {
			p.general = true
		}
		p.rules = append(p.rules, compiled)
	}
	return p, nil
}

func checkPattern(s string) error {
	switch {
	case !strings.HasPrefix(s, "/"):
		return fmt.Errorf("path %q: must begin with /", s)
	case strings.Contains(strings.TrimSuffix(s, "*"), "*"):
		return fmt.Errorf("path %q: * can only stand at the end", s)
	case strings.ContainsAny(s, "?#%"):
		return fmt.Errorf("path %q: a path as it is decoded, without query, fragment or %%", s)
	}
	like := s
	if prefix, ok := strings.CutSuffix(s, "*"); ok {
		like = prefix + "x"
	}
	if ambiguous(&url.URL{Path: like}) {
		return fmt.Errorf("path %q: never matches, as software reads such paths in more than one way (\\, ;, //, and the segments . and ..)", s)
	}
	return nil
}

// byPath says whether anything depends on the path.
func (p *policy) byPath() bool { return p.paths || len(p.public) > 0 }

// isPublic says whether u needs no session.
func (p *policy) isPublic(u *url.URL) bool {
	for _, pub := range p.public {
		if pub.matches(u.Path) {
			return !ambiguous(u)
		}
	}
	return false
}

// judge says of each rule whether it takes to the person; the paths come later.
// Few answers are possible, so people share them.
func (p *policy) judge(id *Identity) *[]bool {
	key := make([]byte, len(p.rules))
	for i := range p.rules {
		if p.rules[i].takes(id) {
			key[i] = 1
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if same, ok := p.judged[string(key)]; ok {
		return same
	}
	verdicts := make([]bool, len(key))
	for i := range key {
		verdicts[i] = key[i] == 1
	}
	if len(p.judged) < 1000 {
		p.judged[string(key)] = &verdicts
	}
	return &verdicts
}

func (r *rule) takes(id *Identity) bool {
	if len(r.users) > 0 {
		name, _ := id.Value("username")
		if name == "" || !slices.Contains(r.users, store.CanonicalName(name)) {
			return false
		}
	}
	if len(r.groups) > 0 && !slices.ContainsFunc(r.groups, id.InGroup) {
		return false
	}
	for name, allowed := range r.fields {
		if value, ok := id.Value(name); !ok || !slices.Contains(allowed, value) {
			return false
		}
	}
	return true
}

// permits says whether a person of whom the rules say verdicts may have u.
func (p *policy) permits(verdicts []bool, u *url.URL) bool {
	if len(p.rules) == 0 {
		return true
	}
	path, unclear := u.Path, false
	if p.paths {
		path, unclear = foldPath(path), ambiguous(u)
	}
	general, matched, allowed := !p.general, false, false
	for i := range p.rules {
		r := &p.rules[i]
		switch {
		case len(r.paths) == 0:
			general = general || verdicts[i]
		case unclear:
			// It might be any path: every rule for some path must take to the
			// person, and the general ones too.
			if !verdicts[i] {
				return false
			}
		case r.guards(path):
			matched = true
			allowed = allowed || verdicts[i]
		}
	}
	if matched {
		return allowed
	}
	return general
}

func (r *rule) guards(path string) bool {
	for _, p := range r.paths {
		if p.guards(path) {
			return true
		}
	}
	return false
}

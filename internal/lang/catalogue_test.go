package lang

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
)

// root is that of the module.
const root = "../.."

// messages are all that the program says to people, with where.
func messages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || name == "node_modules" || len(name) > 2 && name[0] == '.' {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case strings.HasSuffix(path, "_test.go"):
		case strings.HasSuffix(path, ".go"):
			inGo(t, path, found)
		case strings.HasPrefix(path, filepath.Join(root, "caddyauthserver")) || strings.HasPrefix(path, filepath.Join(root, "internal", "webpage")):
			if ext := filepath.Ext(path); ext == ".html" || ext == ".txt" {
				inTemplate(t, path, found)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// inGo adds the messages of lang.T, lang.Err and store.Mistakef.
func inGo(t *testing.T, path string, found map[string]string) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		switch name := exprName(call.Fun); {
		case name == "lang.T", name == "lang.Err", name == "store.Mistakef":
		case file.Name.Name == "lang" && name == "T", file.Name.Name == "store" && name == "Mistakef":
		default:
			return true
		}
		key, ok := literal(call.Args[0])
		if !ok {
			t.Errorf("%s: a message must be a literal, so that it can be translated", files.Position(call.Pos()))
		}
		found[key] = files.Position(call.Pos()).String()
		return true
	})
}

func exprName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return exprName(e.X) + "." + e.Sel.Name
	}
	return ""
}

// literal is the value of a string, or of several with + between.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		v := constant.MakeFromLiteral(e.Value, e.Kind, 0)
		return constant.StringVal(v), e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, also := literal(e.Y)
		return left + right, ok && also && e.Op == token.ADD
	}
	return "", false
}

// inTemplate adds the messages of {{t "..."}}.
func inTemplate(t *testing.T, path string, found map[string]string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tree := parse.New(path)
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(string(text), "", "", trees); err != nil {
		t.Fatal(err)
	}
	for _, tree := range trees {
		if tree.Root != nil {
			inNode(tree.Root, path, found)
		}
	}
}

func inNode(n parse.Node, path string, found map[string]string) {
	branch := func(b *parse.BranchNode) {
		inNode(b.Pipe, path, found)
		inNode(b.List, path, found)
		if b.ElseList != nil {
			inNode(b.ElseList, path, found)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, n := range n.Nodes {
			inNode(n, path, found)
		}
	case *parse.ActionNode:
		inNode(n.Pipe, path, found)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			inNode(n.Pipe, path, found)
		}
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			for i, arg := range c.Args {
				name, is := arg.(*parse.IdentifierNode)
				if is && name.Ident == "t" && i+1 < len(c.Args) {
					if s, is := c.Args[i+1].(*parse.StringNode); is {
						found[s.Text] = path
					}
				}
				inNode(arg, path, found)
			}
		}
	}
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[#+ 0-]*\d*(?:\.\d+)?([a-z%])`)

// verbs are those of a format, by argument.
func verbs(format string) []string {
	next, used := 1, map[int]string{}
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[2] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		used[next] = m[2]
		next++
	}
	var out []string
	for _, i := range slices.Sorted(maps.Keys(used)) {
		out = append(out, fmt.Sprintf("%d%s", i, used[i]))
	}
	return out
}

func forms(said any) map[string]string {
	out := map[string]string{}
	switch said := said.(type) {
	case string:
		out[""] = said
	case map[string]any:
		for form, words := range said {
			out[form], _ = words.(string)
		}
	}
	return out
}

func catalogues(t *testing.T) map[string]catalogue {
	t.Helper()
	entries, err := files.ReadDir("catalogues")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]catalogue{}
	for _, e := range entries {
		if all[e.Name()], err = read(e.Name()); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A language says all that there is to say, and no more. English needs only what
// its keys cannot say.
func TestCataloguesAreComplete(t *testing.T) {
	said := messages(t)
	if len(said) < 100 || said["Sign in"] == "" || said["Too many attempts. Please wait %d seconds and try again."] == "" {
		t.Fatalf("only %d messages were found", len(said))
	}
	for name, c := range catalogues(t) {
		if name != "en.json" {
			missing := map[string]string{}
			for key := range said {
				if _, ok := c[key]; !ok {
					missing[key] = ""
				}
			}
			if len(missing) > 0 {
				list, _ := json.MarshalIndent(missing, "", "\t")
				t.Errorf("%s lacks %d messages:\n%s", name, len(missing), list)
			}
		}
		for key := range c {
			if said[key] == "" {
				t.Errorf("%s: nobody says %q any more", name, key)
			}
		}
	}
}

func TestTranslationsFitTheirMessages(t *testing.T) {
	for name, c := range catalogues(t) {
		for key, said := range c {
			for form, words := range forms(said) {
				if words == "" {
					t.Errorf("%s: %q says nothing for %q", name, key, form)
				}
				// "one" may do without the number.
				if got, want := verbs(words), verbs(key); !slices.Equal(got, want) && !(form == "one" && len(got) < len(want)) {
					t.Errorf("%s: %q takes %v, but its translation %v", name, key, want, got)
				}
				if strings.ContainsAny(words+key, "<>&") {
					t.Errorf("%s: %q holds markup", name, key)
				}
				if strings.TrimSpace(words) != words {
					t.Errorf("%s: %q begins or ends with space", name, key)
				}
			}
			if plurals, ok := said.(map[string]any); ok && plurals["other"] == nil {
				t.Errorf("%s: %q has no form for other numbers", name, key)
			}
		}
	}
}

// What one language counts by its plural forms, each does.
func TestPluralsInEveryLanguage(t *testing.T) {
	all := catalogues(t)
	for name, c := range all {
		for key, said := range c {
			_, plural := said.(map[string]any)
			for other, d := range all {
				if _, also := d[key].(map[string]any); plural && !also {
					t.Errorf("%s has plural forms of %q, %s has not", name, key, other)
				}
			}
		}
	}
}

package webpage

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestFooterURLs(t *testing.T) {
	for _, good := range []string{"https://example.com/imprint", "http://localhost:8080/", "https://bücher.example/?a=b#c", "mailto:help@example.com", "mailto:a@b.example?subject=Hello", "/", "/imprint?x=1#y"} {
		if err := (FooterLink{"Imprint", good}).Check(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "imprint", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", " https://example.com", "https://", "https:///x", "https:evil.example",
		"https://user@example.com/", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
		"mailto:", "mailto:nobody", "?x", "#x", "https://example.com/\"onmouseover=", "https://example.com/{env.X}", "https://example.com/%zz", "/a\u2028b",
	} {
		if err := (FooterLink{"Imprint", bad}).Check(); err == nil || !strings.Contains(err.Error(), "/imprint") {
			t.Errorf("%q: %v, want what to write instead", bad, err)
		}
	}
	for _, text := range []string{"", " ", strings.Repeat("ü", 61), "a\nb", "a\u202eb"} {
		if err := (FooterLink{text, "/imprint"}).Check(); err == nil {
			t.Errorf("the text %q went through", text)
		}
		if _, err := New(Brand{FooterLinks: []FooterLink{{text, "/imprint"}}}); err == nil {
			t.Errorf("a brand with the text %q went through", text)
		}
	}
	if _, err := New(Brand{FooterLinks: make([]FooterLink, 13)}); err == nil || !strings.Contains(err.Error(), "at most 12") {
		t.Errorf("13 links: %v", err)
	}
}

// The links stand at the foot of every page, and what they say is no markup.
func TestFooter(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	r := newRenderer(t, Brand{FooterLinks: []FooterLink{{"Imprint & co", "https://example.com/i?a=1&b=2"}, {evil, "mailto:help@example.com"}}})
	links := map[string]string{}
	for n := range parseHTML(t, message(r, person(), Message{Title: words("No")}).Body.Bytes()).Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" {
			t.Error("a text became markup")
		}
		if n.Data == "a" && n.FirstChild != nil {
			links[n.Attr[0].Val] = n.FirstChild.FirstChild.Data // in a <bdi>
		}
	}
	if links["https://example.com/i?a=1&b=2"] != "Imprint & co" || links["mailto:help@example.com"] != evil || len(links) != 2 {
		t.Errorf("the links are %q", links)
	}
	if body := message(newRenderer(t, Brand{}), person(), Message{Title: words("No")}).Body.String(); strings.Contains(body, "<footer") {
		t.Error("a foot without links")
	}
}

func FuzzFooterURL(f *testing.F) {
	for _, s := range []string{"https://a.example/", "/x", "mailto:a@b", "javascript:x", "//x", "/\\x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkFooterURL(s) != nil {
			return
		}
		lower := strings.ToLower(s)
		if !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "mailto:") && (s[0] != '/' || strings.HasPrefix(s, "//")) {
			t.Errorf("%q went through", s)
		}
	})
}

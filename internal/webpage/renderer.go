package webpage

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caddyito/caddyito/internal/lang"
)

var (
	//go:embed layout.html
	layoutHTML string
	//go:embed message.html
	messageHTML string
	//go:embed style.css
	styleCSS string
)

// The backgrounds of style.css on which coloured text stands.
var (
	lightBackgrounds = []colour{{0xff, 0xff, 0xff}, {0xf4, 0xf5, 0xf7}}
	darkBackgrounds  = []colour{{0x1b, 0x1e, 0x25}, {0x10, 0x12, 0x17}}
)

// Renderer makes pages in one brand. It is safe for concurrent use.
type Renderer struct {
	brand     Brand
	mark      string // what stands in for a logo: the brand's first letter, or ""
	logo      template.URL
	icon      template.URL
	style     template.CSS
	styleHash string
	layout    *template.Template
	message   *View
}

// New checks the brand and reads its logo. An error says what to do about it.
func New(brand Brand) (*Renderer, error) {
	if brand.Accent == "" {
		brand.Accent = DefaultAccent
	}
	brand.Name = strings.TrimSpace(brand.Name)
	if utf8.RuneCountInString(brand.Name) > 80 {
		return nil, fmt.Errorf("the name of the brand has %d characters; at most 80 fit at the top of a page", utf8.RuneCountInString(brand.Name))
	}
	accent, err := parseColour(brand.Accent)
	if err != nil {
		return nil, err
	}
	if err := CheckFooter(brand.FooterLinks); err != nil {
		return nil, err
	}
	r := &Renderer{brand: brand, mark: monogram(brand.Name)}
	if brand.Logo != "" {
		if r.logo, err = loadLogo(brand.Logo); err != nil {
			return nil, err
		}
	}
	style := stylesheet(accent)
	r.style, r.styleHash = template.CSS(style), hashSource(style)
	r.icon = icon(accent)
	if r.layout, err = template.New("layout").Funcs(funcs(lang.English())).Parse(layoutHTML); err != nil {
		return nil, fmt.Errorf("parsing the layout of pages: %w", err)
	}
	if r.message, err = r.parse(messageHTML); err != nil {
		return nil, err
	}
	return r, nil
}

// monogram is the first letter or digit of a name, in upper case.
func monogram(name string) string {
	for _, c := range name {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return string(unicode.ToUpper(c))
		}
	}
	return ""
}

// stylesheet is style.css in the given accent.
func stylesheet(accent colour) string {
	return strings.NewReplacer(
		"/*accent*/", accent.String(),
		"/*on-accent*/", textOn(accent).String(),
		"/*link-light*/", readable(accent, black, lightBackgrounds...).String(),
		"/*link-dark*/", readable(accent, white, darkBackgrounds...).String(),
	).Replace(styleCSS)
}

// icon is the favicon: without one, browsers would ask for /favicon.ico.
func icon(accent colour) template.URL {
	svg := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="` + accent.String() +
		`"/><g fill="none" stroke="` + textOn(accent).String() + `" stroke-width="2.5" stroke-linecap="round"><rect x="9" y="14" width="14" height="10" rx="2.5"/><path d="M12 14v-3a4 4 0 0 1 8 0v3"/></g></svg>`
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg)))
}

// View is one kind of page: the layout around a body.
type View struct {
	r *Renderer
	// in makes the template of a language when it is first needed.
	in map[*lang.Language]func() *template.Template
}

// Head is what the layout, rather than the body, needs to know of a page.
type Head struct {
	// Title of the page; the brand's name is added.
	Title lang.Text
	// FormAction are URLs, of which the origins are where the page's forms may
	// lead apart from this origin, also by redirects.
	FormAction []string
	// Frames are URLs, of which the origins may be loaded in the page's frames.
	Frames []string
	// RefreshURL is where the browser goes on its own after RefreshAfter.
	RefreshURL   string
	RefreshAfter time.Duration
	// Script runs once the body is there. It must be a constant.
	Script template.JS
	// Connect lets the script ask this origin.
	Connect bool
	// Menu stands beside the page, which is a wide one then.
	Menu *Menu
}

// Parse reads a template that defines "body", and those of parts that it uses.
func (r *Renderer) Parse(fsys fs.FS, file string, parts ...string) (*View, error) {
	var all strings.Builder
	for _, name := range append([]string{file}, parts...) {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("reading the template of a page: %w", err)
		}
		all.Write(text)
	}
	v, err := r.parse(all.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return v, nil
}

func (r *Renderer) parse(text string) (*View, error) {
	t, err := r.layout.Clone()
	if err != nil {
		return nil, fmt.Errorf("copying the layout of pages: %w", err)
	}
	if _, err := t.Parse(text); err != nil {
		return nil, fmt.Errorf("parsing the template of a page: %w", err)
	}
	v := &View{r, map[*lang.Language]func() *template.Template{}}
	for _, l := range lang.All() {
		v.in[l] = sync.OnceValue(func() *template.Template {
			return template.Must(t.Clone()).Funcs(funcs(l)) // only what was executed cannot be cloned
		})
	}
	return v, nil
}

// Render answers with the page, in the language that Speak was called with. Its
// body sees data as the dot.
func (v *View) Render(w http.ResponseWriter, status int, head Head, data any) {
	var page bytes.Buffer
	l := spoken(w)
	Speak(w, l)
	err := v.in[l]().Execute(&page, struct {
		Language, Title, Brand, Mark string
		Logo, Icon                   template.URL
		Style                        template.CSS
		Script                       template.JS
		Menu                         *Menu
		FooterLinks                  []FooterLink
		Data                         any
	}{l.Code(), l.Say(head.Title), v.r.brand.Name, v.r.mark, v.r.logo, v.r.icon, v.r.style, head.Script, head.Menu, v.r.brand.FooterLinks, data})
	if err != nil {
		// Only a template that does not fit its view model comes here.
		secure(w.Header(), policy("'none'", "", false, nil, nil))
		http.Error(w, "This page could not be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Add("Vary", "Accept-Language")
	secure(h, policy(v.r.styleHash, string(head.Script), head.Connect, head.FormAction, head.Frames))
	if head.RefreshURL != "" {
		h.Set("Refresh", strconv.Itoa(int(head.RefreshAfter/time.Second))+"; url="+head.RefreshURL)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(page.Len())) // otherwise it goes out in chunks
	w.WriteHeader(status)
	w.Write(page.Bytes()) // a person who went away needs no answer
}

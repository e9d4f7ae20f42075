package webpage

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"reflect"
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
	own       *Templates
	log       *slog.Logger
}

// What an operator's templates are called that stand in for these.
const (
	layoutName  = "layout.html"
	messageName = "message.html"
)

// New checks the brand and reads its logo. An error says what to do about it.
func New(brand Brand) (*Renderer, error) { return NewWith(brand, nil, nil) }

// NewWith is New with an operator's own templates. What goes wrong with one when it
// shows a page is logged, and the one that is built in shows it instead.
func NewWith(brand Brand, own *Templates, log *slog.Logger) (*Renderer, error) {
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
	r := &Renderer{brand: brand, mark: monogram(brand.Name), own: own, log: log}
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
	if r.message, err = r.parse(Message{}, source{messageName, messageHTML}); err != nil {
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
	r     *Renderer
	model any // of the type that its body sees
	in    spoke
	// own goes before in, where an operator has templates of their own.
	own   spoke
	files []string // of own
}

// spoke is a template in each language, made when it is first needed.
type spoke map[*lang.Language]func() *template.Template

func speaking(t *template.Template, root string) spoke {
	in := spoke{}
	for _, l := range lang.All() {
		in[l] = sync.OnceValue(func() *template.Template {
			return template.Must(t.Clone()).Funcs(funcs(l)).Lookup(root) // only what was executed cannot be cloned
		})
	}
	return in
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

// Parse reads a template that defines "body", and those of parts that it uses. Its
// body sees what is of the type of model. In an operator's folder their names begin
// with as: "", or a folder with its slash.
func (r *Renderer) Parse(fsys fs.FS, as string, model any, file string, parts ...string) (*View, error) {
	var all []source
	for _, name := range append(parts, file) {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("reading the template of a page: %w", err)
		}
		all = append(all, source{as + path.Base(name), string(text)})
	}
	v, err := r.parse(model, all...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return v, nil
}

// parse makes a view of a page, which comes last, and its parts.
func (r *Renderer) parse(model any, sources ...source) (*View, error) {
	t, err := r.layout.Clone()
	if err != nil {
		return nil, fmt.Errorf("copying the layout of pages: %w", err)
	}
	for _, s := range sources {
		if _, err := t.Parse(s.text); err != nil {
			return nil, fmt.Errorf("parsing the template of a page: %w", err)
		}
	}
	v := &View{r: r, model: model, in: speaking(t, t.Name())}
	own, root, err := r.adopt(t, sources)
	if err != nil || own == nil {
		return v, err
	}
	v.own = speaking(own, root)
	for _, name := range append(names(sources), layoutName) {
		if file, _, ok := r.own.Find(name); ok {
			v.files = append(v.files, file)
		}
	}
	return v, v.try()
}

// execute writes the page.
func (v *View) execute(page *bytes.Buffer, by spoke, l *lang.Language, head Head, data any) error {
	return by[l]().Execute(page, struct {
		Language, Title, Brand, Mark string
		Logo, Icon                   template.URL
		Style                        template.CSS
		Script                       template.JS
		Menu                         *Menu
		FooterLinks                  []FooterLink
		Data                         any
	}{l.Code(), l.Say(head.Title), v.r.brand.Name, v.r.mark, v.r.logo, v.r.icon, v.r.style, head.Script, head.Menu, v.r.brand.FooterLinks, data})
}

// fill writes the page by the operator's template, if there is one that can.
func (v *View) fill(page *bytes.Buffer, l *lang.Language, head Head, data any) error {
	if reflect.TypeOf(data) != reflect.TypeOf(v.model) {
		return fmt.Errorf("the page is of a %T, not of a %T", data, v.model) // nobody tried that
	}
	if v.own != nil {
		err := v.execute(page, v.own, l, head, data)
		if err == nil {
			return nil
		}
		v.r.log.Error("a template of your own cannot show this page; the built-in one does instead", "files", v.files, "error", err)
		page.Reset()
	}
	return v.execute(page, v.in, l, head, data)
}

// Render answers with the page, in the language that Speak was called with. Its
// body sees data as the dot, which is of the type that Parse was told.
func (v *View) Render(w http.ResponseWriter, status int, head Head, data any) {
	var page bytes.Buffer
	l := spoken(w)
	Speak(w, l)
	if err := v.fill(&page, l, head, data); err != nil {
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

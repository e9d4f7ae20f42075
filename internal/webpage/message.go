package webpage

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
)

// Message is something to tell: an error, mostly.
type Message struct {
	Title lang.Text
	// Text says what happened and what to do.
	Text lang.Text
	// Detail is for whoever runs the site or the client: an error code, say. It is
	// in English.
	Detail string
	// LinkText and LinkURL lead on; without a URL there is no link.
	LinkText lang.Text
	LinkURL  string
}

// Message answers with a page for people or, for programs,
// application/problem+json (RFC 9457). The page is in the language that Speak was
// called with, or else the one that the request wishes.
func (r *Renderer) Message(w http.ResponseWriter, req *http.Request, status int, m Message) {
	if m.Title.IsZero() {
		m.Title = lang.Text{Key: http.StatusText(status)}
	}
	w.Header().Add("Vary", "Accept, Sec-Fetch-Dest")
	if !WantsHTML(req) {
		problem(w, status, m)
		return
	}
	if m.LinkText.IsZero() {
		m.LinkText = lang.T("Continue")
	}
	if w.Header().Get(contentLanguage) == "" {
		Speak(w, lang.Choose(Wishes(req)))
	}
	r.message.Render(w, status, Head{Title: m.Title}, m)
}

func problem(w http.ResponseWriter, status int, m Message) {
	detail := strings.TrimSpace(m.Text.String() + " " + m.Detail)
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
	}{"about:blank", m.Title.String(), status, detail})
	if err != nil {
		body = nil // strings and a number always encode
	}
	h := w.Header()
	secure(h, policy("'none'", "", false, nil, nil))
	h.Set("Content-Type", "application/problem+json")
	h.Set(contentLanguage, lang.English().Code())
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}

// WantsHTML says whether a person looks at the answer. Browsers say what it is
// for (Sec-Fetch-Dest); of anything else, only one that asks for HTML and would
// not rather have JSON is taken for a browser.
func WantsHTML(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "":
	case "document", "iframe", "frame", "embed", "object":
		return true
	default:
		return false
	}
	html, json := quality(r, "text/html"), quality(r, "application/json")
	return html > 0 && html >= json
}

// quality is the greatest weight the request gives to a media type by its name
// (RFC 9110 section 12.5.1); wildcards do not count, since programs send them.
func quality(r *http.Request, mediaType string) float64 {
	best := 0.0
	for _, accept := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(accept, ",") {
			name, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			if name != mediaType && !(mediaType == "application/json" && strings.HasSuffix(name, "+json")) {
				continue
			}
			q := 1.0
			if s, ok := params["q"]; ok {
				if q, err = strconv.ParseFloat(s, 64); err != nil || !(q >= 0 && q <= 1) {
					q = 0
				}
			}
			best = max(best, q)
		}
	}
	return best
}

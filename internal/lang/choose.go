package lang

import (
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

var matcher = sync.OnceValue(func() language.Matcher {
	tags := make([]language.Tag, 0, len(all()))
	for _, l := range all() {
		tags = append(tags, l.tag)
	}
	return language.NewMatcher(tags)
})

// maxWishes is how long a list may be that is looked at.
const maxWishes = 500

// Choose is the language that fits the first of the wishes that any fits. A wish
// is a list of tags as in an Accept-Language header (RFC 9110 section 12.5.4).
func Choose(wishes ...string) *Language {
	for _, wish := range wishes {
		if wish == "" || len(wish) > maxWishes {
			continue
		}
		// One tag that nobody knows would make the whole list an error.
		known := slices.DeleteFunc(strings.Split(wish, ","), func(tag string) bool {
			_, _, err := language.ParseAcceptLanguage(tag)
			return err != nil
		})
		tags, _, err := language.ParseAcceptLanguage(strings.Join(known, ","))
		if err != nil {
			continue
		}
		if _, i, confidence := matcher().Match(tags...); confidence > language.No {
			return all()[i]
		}
	}
	return English()
}

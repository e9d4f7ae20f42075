package webpage

import (
	"strings"
	"testing"
)

// An address breaks at its parts, is what it was without that, and is no markup.
func TestAddress(t *testing.T) {
	for url, want := range map[string]string{
		"https://wiki.example.com/oidc/callback": "https://<wbr>wiki<wbr>.example<wbr>.com/<wbr>oidc/<wbr>callback",
		"https://a/?x=1&y_z#w-v":                 "https://<wbr>a/<wbr><wbr>?x<wbr>=1<wbr>&amp;y<wbr>_z<wbr>#w<wbr>-v",
		`"><script>alert(1)</script>`:            "&#34;&gt;&lt;script&gt;alert(1)&lt;/<wbr>script&gt;",
		"com.example.phone:/callback":            "com<wbr>.example<wbr>.phone:/<wbr>callback",
		"x\xff/":                                 "x\ufffd/<wbr>",
		"":                                       "",
	} {
		if got := string(address(url)); got != want {
			t.Errorf("%q: %s, want %s", url, got, want)
		}
		if got := strings.Count(string(address(url)), "<"); got != strings.Count(string(address(url)), "<wbr>") {
			t.Errorf("%q is markup", url)
		}
	}
}

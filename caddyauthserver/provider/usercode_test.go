package provider

import (
	"strings"
	"testing"
)

func TestUserCode(t *testing.T) {
	seen, letters := map[string]bool{}, map[rune]int{}
	for range 2000 {
		code := newUserCode()
		if got, ok := parseUserCode(code); !ok || got != code || seen[code] {
			t.Fatalf("%q is read as %q, %v", code, got, ok)
		}
		seen[code] = true
		for _, c := range code {
			letters[c]++
		}
	}
	// 800 of each are to be expected.
	for _, c := range userCodeLetters {
		if letters[c] < 600 || letters[c] > 1000 {
			t.Errorf("%c: %d of 16000", c, letters[c])
		}
	}
	for typed, want := range map[string]string{
		"WDJB-MJHT": "WDJB-MJHT", "wdjbmjht": "WDJB-MJHT", " wd jb\tmj-ht ": "WDJB-MJHT", "WDJB\u2013MJHT": "WDJB-MJHT", "W\u2011D\u00a0JBMJHT": "WDJB-MJHT",
		"\uff37\uff24\uff2a\uff22\u30fc\uff2d\uff2a\uff28\uff34": "", "\uff37\uff24\uff2a\uff22\uff0d\uff4d\uff2a\uff28\uff34": "WDJB-MJHT",
		"": "", "WDJB-MJH": "", "WDJB-MJHTX": "", "WDJA-MJHT": "", "WDJB_MJHT": "", "WDJ8-MJHT": "", "\u212aDJBMJHT": "KDJB-MJHT", "WDJB-MJHT\x00": "",
		strings.Repeat(" ", 100) + "WDJBMJHT": "", "\xff": "",
	} {
		if got, ok := parseUserCode(typed); got != want || ok != (want != "") {
			t.Errorf("%q is read as %q, %v", typed, got, ok)
		}
	}
}

// Whatever is typed is refused or is a code as we make them, which reads as itself.
func FuzzUserCode(f *testing.F) {
	for _, s := range []string{"WDJB-MJHT", "wdjb mjht", "", "AAAA-AAAA", "\uff37\uff24\uff2a\uff22\uff2d\uff2a\uff28\uff34", "\xff\xfe", "\u0130\u017f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := parseUserCode(typed)
		if !ok {
			if code != "" {
				t.Fatalf("%q: refused, yet %q", typed, code)
			}
			return
		}
		if len(code) != 9 || code[4] != '-' || strings.Trim(code[:4]+code[5:], userCodeLetters) != "" {
			t.Fatalf("%q is read as %q", typed, code)
		}
		if again, ok := parseUserCode(code); !ok || again != code {
			t.Fatalf("%q is read as %q", code, again)
		}
		if back, ok := forDevice("user_code=" + code); !ok || back != code {
			t.Fatalf("%q is handed back as %q", code, back)
		}
	})
}

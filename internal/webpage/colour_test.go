package webpage

import (
	"math"
	"strings"
	"testing"
)

func TestContrast(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#767676", "#ffffff", 4.54}, {"#0000ff", "#ffffff", 8.59}, {"#ff0000", "#ffffff", 4.00}} {
		a, b := mustColour(t, c.a), mustColour(t, c.b)
		if got := contrast(a, b); math.Abs(got-c.want) > 0.005 || contrast(b, a) != got {
			t.Errorf("contrast(%s, %s) = %.3f, want %.2f both ways", a, b, got, c.want)
		}
	}
}

// Whatever accent is configured, what is written in it or on it can be read.
func TestEveryAccentIsReadable(t *testing.T) {
	const step = 15
	for r := 0; r < 256; r += step {
		for g := 0; g < 256; g += step {
			for b := 0; b < 256; b += step {
				accent := colour{uint8(r), uint8(g), uint8(b)}
				if got := contrast(textOn(accent), accent); got < minContrast {
					t.Errorf("text on %s has a contrast of %.2f", accent, got)
				}
				style := stylesheet(accent)
				light, dark, _ := strings.Cut(style, "prefers-color-scheme: dark")
				for sheet, backgrounds := range map[string][]string{light: {"--page", "--card", "--field"}, dark: {"--page", "--card", "--field"}} {
					link := variable(t, sheet, "--link")
					for _, name := range backgrounds {
						if got := contrast(link, variable(t, sheet, name)); got < minContrast {
							t.Errorf("accent %s: link %s on %s has a contrast of %.2f", accent, link, name, got)
						}
					}
				}
			}
		}
	}
}

func TestTextAndEdgesAreReadable(t *testing.T) {
	light, dark, _ := strings.Cut(stylesheet(mustColour(t, DefaultAccent)), "prefers-color-scheme: dark")
	for scheme, sheet := range map[string]string{"light": light, "dark": dark} {
		for _, c := range []struct {
			text, on string
			least    float64
		}{
			{"--text", "--page", 7}, {"--text", "--card", 7}, {"--text", "--field", 7},
			{"--soft", "--page", 4.5}, {"--soft", "--card", 4.5},
			{"--bad", "--card", 4.5}, {"--bad", "--bad-back", 4.5},
			// Success criterion 1.4.11: what marks a control.
			{"--edge", "--card", 3}, {"--edge", "--field", 3},
		} {
			if got := contrast(variable(t, sheet, c.text), variable(t, sheet, c.on)); got < c.least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, less than %.1f", scheme, c.text, c.on, got, c.least)
			}
		}
	}
}

func TestAReadableAccentIsLeftAlone(t *testing.T) {
	c := mustColour(t, "#1d4ed8")
	if got := readable(c, black, lightBackgrounds...); got != c {
		t.Errorf("readable(%s) = %s", c, got)
	}
}

func TestColoursThatAreNone(t *testing.T) {
	for _, s := range []string{"", "red", "#fff", "2563eb", "#2563eg", "#+2563e", "#2563eb0", "#2563e\n", "#;}*{x:", "#12_456"} {
		if _, err := parseColour(s); err == nil || !strings.Contains(err.Error(), "six hexadecimal digits") {
			t.Errorf("parseColour(%q): %v, want what to write", s, err)
		}
	}
}

func FuzzParseColour(f *testing.F) {
	for _, s := range []string{"#2563eb", "#FFFFFF", "#fff", "#+12345", "#é1234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := parseColour(s); err == nil && c.String() != strings.ToLower(s) {
			t.Errorf("parseColour(%q) = %s", s, c)
		}
	})
}

func mustColour(t *testing.T, s string) colour {
	t.Helper()
	c, err := parseColour(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// variable is the value of a custom property where it is first set.
func variable(t *testing.T, sheet, name string) colour {
	t.Helper()
	_, value, ok := strings.Cut(sheet, name+": ")
	if !ok {
		t.Fatalf("the stylesheet does not set %s", name)
	}
	value, _, _ = strings.Cut(value, ";")
	return mustColour(t, value)
}

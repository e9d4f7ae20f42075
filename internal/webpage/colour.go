package webpage

import (
	"fmt"
	"math"
	"strconv"
)

// minContrast is what WCAG 2.2 asks of text (success criterion 1.4.3, AA).
const minContrast = 4.5

// colour is an sRGB colour.
type colour struct{ r, g, b uint8 }

var (
	black = colour{0, 0, 0}
	white = colour{255, 255, 255}
)

// parseColour reads "#rrggbb". Nothing else may get through: the text goes into
// the stylesheet.
func parseColour(s string) (colour, error) {
	if len(s) != 7 || s[0] != '#' {
		return colour{}, fmt.Errorf("accent %q is not a colour; write it as # and six hexadecimal digits, like %s", s, DefaultAccent)
	}
	// Not ParseInt, which would take a sign.
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return colour{}, fmt.Errorf("accent %q is not a colour; write it as # and six hexadecimal digits, like %s", s, DefaultAccent)
	}
	return colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// luminance is the relative luminance of WCAG 2.2.
func (c colour) luminance() float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b colour) float64 {
	la, lb := a.luminance(), b.luminance()
	if la < lb {
		la, lb = lb, la
	}
	return (la + 0.05) / (lb + 0.05)
}

// textOn is black or white, whichever reads better on c. The worse of all
// backgrounds still gives 4.58.
func textOn(c colour) colour {
	if contrast(black, c) > contrast(white, c) {
		return black
	}
	return white
}

// readable is c, moved towards black or white no further than it takes to be
// read as text on every one of the backgrounds.
func readable(c, towards colour, backgrounds ...colour) colour {
	const steps = 100
	for i := range steps {
		mixed := mix(c, towards, float64(i)/steps)
		if legible(mixed, backgrounds) {
			return mixed
		}
	}
	return towards
}

func legible(c colour, backgrounds []colour) bool {
	for _, b := range backgrounds {
		if contrast(c, b) < minContrast {
			return false
		}
	}
	return true
}

// mix is a with the part t (0 to 1) of b.
func mix(a, b colour, t float64) colour {
	part := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-t) + float64(y)*t)) }
	return colour{part(a.r, b.r), part(a.g, b.g), part(a.b, b.b)}
}

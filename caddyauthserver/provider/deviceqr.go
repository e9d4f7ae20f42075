package provider

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"

	"github.com/boombuler/barcode/qr"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// deviceQR draws the address of the page of devices with a user code filled in,
// for devices that can show a picture but not make one. It draws any code that is
// well-formed, without looking it up, so that it says nothing of which there are.
func (p *Provider) deviceQR(w http.ResponseWriter, r *http.Request) {
	code, ok := parseUserCode(r.URL.Query().Get("user_code"))
	if !ok {
		p.message(w, r, http.StatusBadRequest, webpage.Message{Title: lang.T("No such picture"), Text: lang.T("The address needs the user_code that the device was given.")})
		return
	}
	// To draw one takes milliseconds, so nobody can have them all.
	if wait := p.limits.take(attempt{siteLimit, "qr " + networkOf(p.ClientIP(r))}); wait > 0 {
		many := &tooManyError{wait}
		w.Header().Set("Retry-After", strconv.Itoa(many.seconds()))
		p.message(w, r, http.StatusTooManyRequests, webpage.Message{Title: lang.T("Too many pictures"), Text: lang.T("Please try again in a moment.")})
		return
	}
	picture, err := qrPNG(p.deviceURL(code))
	if err != nil {
		p.unavailable(w, r, "drawing a QR code", err)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=600") // as long as a code lasts
	h.Set("Content-Type", "image/png")
	h.Set("Content-Length", strconv.Itoa(len(picture)))
	w.Write(picture)
}

const (
	qrScale = 8 // pixels
	qrQuiet = 4 // modules around it (ISO/IEC 18004)
)

// qrPNG is text as a QR code.
func qrPNG(text string) ([]byte, error) {
	modules, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("%d bytes do not fit: %w", len(text), err)
	}
	n := modules.Bounds().Dx()
	side := (n + 2*qrQuiet) * qrScale
	picture := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range n * qrScale {
		for x := range n * qrScale {
			if modules.At(x/qrScale, y/qrScale) == color.Black {
				picture.SetColorIndex(x+qrQuiet*qrScale, y+qrQuiet*qrScale, 1)
			}
		}
	}
	var b bytes.Buffer
	err = png.Encode(&b, picture)
	return b.Bytes(), err
}

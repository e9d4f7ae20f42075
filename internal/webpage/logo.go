package webpage

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"os"
)

// maxLogo is the largest logo file, in bytes: it travels with every page.
const maxLogo = 256 << 10

// loadLogo reads an image file into a data: URL. The type is taken from the
// content, not the name. An SVG can hold scripts, but those do not run in an
// <img>, nor under the pages' policy.
func loadLogo(path string) (template.URL, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("logo %s: there is no such file; give the path of an SVG, PNG, JPEG or WebP image", path)
	}
	if err != nil {
		return "", fmt.Errorf("opening the logo: %w; it must be readable by the user that runs Caddy", err)
	}
	defer f.Close()
	// A pipe or a device could keep the start waiting for ever.
	if info, err := f.Stat(); err != nil {
		return "", fmt.Errorf("opening the logo: %w", err)
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("logo %s is not a file; give the path of an SVG, PNG, JPEG or WebP image", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxLogo+1))
	if err != nil {
		return "", fmt.Errorf("reading the logo: %w", err)
	}
	if len(data) > maxLogo {
		return "", fmt.Errorf("logo %s is larger than 256 KB; it travels with every page, so make it smaller", path)
	}
	mime := imageType(data)
	if mime == "" {
		return "", fmt.Errorf("logo %s is not an SVG, PNG, JPEG or WebP image; convert it to one of them", path)
	}
	return template.URL("data:" + mime + ";base64," + base64.StdEncoding.EncodeToString(data)), nil
}

// imageType is the media type of an image that may be a logo, or "".
func imageType(data []byte) string {
	switch mime := http.DetectContentType(data); mime {
	case "image/png", "image/jpeg", "image/webp":
		return mime
	}
	head := bytes.ToLower(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(head) > 4096 {
		head = head[:4096]
	}
	head = bytes.TrimSpace(head)
	if bytes.HasPrefix(head, []byte("<")) && bytes.Contains(head, []byte("<svg")) && !bytes.Contains(head, []byte("<html")) {
		return "image/svg+xml"
	}
	return ""
}

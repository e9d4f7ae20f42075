// Package browsertest is what tests in a real browser share: chromium, what axe-core
// finds on a page, and screenshots.
//
// CADDYITO_AXE is the path of axe-core's axe.min.js. CADDYITO_SCREENSHOTS is the
// folder where screenshots are kept; without it there are none.
package browsertest

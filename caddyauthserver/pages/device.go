package pages

import (
	"net/http"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/webpage"
)

// Device asks for the code that a device shows. Its form gets user_code from
// Action, since it changes nothing.
type Device struct {
	Action   string
	UserCode string // to begin with
	UserName string
	Problem  lang.Text // why the last code led nowhere
}

// Device shows the page.
func (s *Set) Device(w http.ResponseWriter, status int, p Device) {
	s.device.Render(w, status, webpage.Head{Title: titleOf(lang.T("Connect a device"), !p.Problem.IsZero())}, p)
}

// DeviceConfirm asks whether the device that shows the code may have what it asks
// for. It posts decision=allow or decision=deny, csrf and user_code.
type DeviceConfirm struct {
	Action               string // where the form goes
	CSRF                 string
	UserCode             string // to be compared with the device's, handed back by the form
	ClientName, UserName string
	Scopes               []Scope
	SwitchURL            string // to go on as somebody else
}

// DeviceConfirm shows the page.
func (s *Set) DeviceConfirm(w http.ResponseWriter, status int, p DeviceConfirm) {
	s.deviceConfirm.Render(w, status, webpage.Head{Title: lang.T("Connect this device?")}, p)
}

// DeviceAnswered says that it is done.
type DeviceAnswered struct {
	ClientName string
	Allowed    bool
}

// DeviceAnswered shows the page.
func (s *Set) DeviceAnswered(w http.ResponseWriter, status int, p DeviceAnswered) {
	title := lang.T("Device not connected")
	if p.Allowed {
		title = lang.T("Device connected")
	}
	s.deviceAnswered.Render(w, status, webpage.Head{Title: title}, p)
}

// Package pages is what people see of the server: one file per page with its
// view model, one template beside it in templates/.
//
//	provider --view model--> Set --> webpage.View --> HTML in the brand
//
// A page says nothing that its view model does not, holds no logic of its own,
// and works without a script; the one exception is FormPost, which has a button
// for those who have none. Names of form fields are promises: people script
// against them.
//
// Neighbours: internal/webpage has the layout, the stylesheet and the headers;
// the provider decides which page to show.
package pages

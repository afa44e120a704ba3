// The views by the first part of the address. Each is a module of its own, loaded when it's first shown.
//
// `part` names the part of core/access.js' `can` without which there is no such view, `nav` its word in the header.

export const VIEWS = {
  overview: { title: "Overview", nav: "Overview", part: null, load: () => import("./overview/overview.js") },
};

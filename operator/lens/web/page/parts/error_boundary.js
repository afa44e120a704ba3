// A view that fails costs itself, and not the page.
import { Component, html } from "../core/html.js";

export class ErrorBoundary extends Component {
  static getDerivedStateFromError(error) {
    return { error };
  }

  componentDidCatch(error) {
    console.error(error);
  }

  render({ children }, { error }) {
    if (!error) return children;
    return html`<section class="sheet" role="alert"><h1>This view has failed</h1><p>It's a defect of the page: <code>${String(error)}</code></p>
      <p><button type="button" class="primary" onClick=${() => this.setState({ error: null })}>Try again</button></p></section>`;
  }
}

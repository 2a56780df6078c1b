/** The look of both elements. Light or dark follows the page's own `color-scheme`. Sizes follow its font size. */
export const sheet: CSSStyleSheet;

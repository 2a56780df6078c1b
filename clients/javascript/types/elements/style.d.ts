/**
 * The look of both elements. Light or dark follows the page's own `color-scheme`. Sizes follow its font size.
 *
 * `.card` and `dialog` take back what a page's rules for everything hand down, but not the spacing of letters and words:
 * some readers need more of it.
 */
export const sheet: CSSStyleSheet;

/**
 * The look of both elements. Light or dark follows the page's own `color-scheme`. Sizes follow its font size.
 *
 * `.card` and `dialog` reset what they inherit from a page's rules for all elements, but not the spacing of letters and
 * words: some readers need more of it.
 */
export const sheet: CSSStyleSheet;

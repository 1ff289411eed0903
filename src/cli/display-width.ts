/** What every terminal shows in one cell for each character. */
const plain = /^[\u0020-\u007e]*$/;

/** Forms of half the width, which belong to scripts that are wide otherwise. */
const narrow = /^[\uff61-\uffdc\uffe8-\uffee]/;

/**
 * What takes two cells: the scripts whose characters Unicode calls Wide or Fullwidth (https://www.unicode.org/reports/tr11/), and
 * emoji, also those that become one by a variation selector.
 */
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}]|\ufe0f/u;

const invisible = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Cells of a terminal that a text without control characters takes. */
export function displayWidth(text: string): number {
  if (plain.test(text)) {
    return text.length;
  }
  let width = 0;
  for (const { segment } of segmenter.segment(text)) {
    width += graphemeWidth(segment);
  }
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (invisible.test(grapheme)) {
    return 0;
  }
  return wide.test(grapheme) && !narrow.test(grapheme) ? 2 : 1;
}

/** The text, or as much of its beginning as fits into so many cells with … behind it. */
export function truncateToWidth(text: string, cells: number): string {
  if (displayWidth(text) <= cells) {
    return text;
  }
  let kept = '';
  let width = 1;
  for (const { segment } of segmenter.segment(text)) {
    width += graphemeWidth(segment);
    if (width > cells) {
      break;
    }
    kept += segment;
  }
  return `${kept}…`;
}

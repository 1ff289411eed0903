import { QuorateError } from '../../errors/interface.ts';

/**
 * A test of names by comma-separated patterns, in which `*` stands for any text, also none.
 * @param include undefined for everything
 * @throws QuorateError INVALID_ARGUMENT
 */
export function namePatterns(include: string | undefined, exclude: string | undefined): (name: string) => boolean {
  const wanted = parsePatterns(include ?? '*');
  const unwanted = parsePatterns(exclude ?? '');
  return (name) => wanted.some((pattern) => pattern.test(name)) && !unwanted.some((pattern) => pattern.test(name));
}

function parsePatterns(text: string): RegExp[] {
  const patterns = text.split(',').map((pattern) => pattern.trim());
  return patterns.filter((pattern) => pattern !== '').map(parsePattern);
}

function parsePattern(pattern: string): RegExp {
  if (!/^[a-z0-9_*-]{1,100}$/.test(pattern)) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(pattern)} is no pattern for names of databases`, {
      hint: 'Use the characters of names and *, with commas between patterns, such as shop*,orders.',
    });
  }
  return new RegExp(`^${pattern.replaceAll(/\*+/g, '.*')}$`);
}

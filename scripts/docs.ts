/** Writes the generated pages of docs/; with --check it only says which of them are not current. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderErrorDocs } from './error-docs.ts';
import { renderOptionDocs } from './option-docs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const pages: Readonly<Record<string, () => string>> = {
  'docs/errors.md': renderErrorDocs,
  'docs/options.md': renderOptionDocs,
};

function isCurrent(page: string, content: string): boolean {
  const file = path.join(root, page);
  return existsSync(file) && readFileSync(file, 'utf8') === content;
}

const stale = Object.entries(pages)
  .map(([page, render]) => ({ page, content: render() }))
  .filter(({ page, content }) => !isCurrent(page, content));

for (const { page, content } of stale) {
  if (process.argv.includes('--check')) {
    console.error(`${page} is not current: run "npm run docs" and commit it`);
    process.exitCode = 1;
  } else {
    mkdirSync(path.dirname(path.join(root, page)), { recursive: true });
    writeFileSync(path.join(root, page), content);
    console.log(`wrote ${page}`);
  }
}

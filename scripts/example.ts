/** Runs a program of examples/: `npm run example -- NAME`. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = fileURLToPath(new URL('../examples', import.meta.url));

/** What the examples share is no example. */
const shared: ReadonlySet<string> = new Set(['temporary-folder']);

/** The names of all examples. */
export function exampleNames(): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  return names
    .map((name) => path.basename(name, '.ts'))
    .filter((name) => !shared.has(name))
    .sort();
}

if (import.meta.main) {
  const [name = ''] = process.argv.slice(2);
  if (exampleNames().includes(name)) {
    await import(pathToFileURL(path.join(folder, `${name}.ts`)).href);
  } else {
    console.error(`Say which example: npm run example -- NAME\nThere are: ${exampleNames().join(', ')}.`);
    process.exitCode = 2;
  }
}

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A file of src/ with what it imports. Paths are relative to the root of the repository, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly layer: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** As written: `./x.ts` or `node:fs`. */
  readonly specifier: string;
  /** For a relative import, the file it means. */
  readonly target?: string;
  readonly typeOnly: boolean;
}

const staticImport = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const dynamicImport = /^(?!\s*(?:\/\/|\*)).*?\bimport\(\s*'([^']+)'\s*\)/gm;

/** Reads every TypeScript file under `src` of `root`, sorted by path; generated code is left out. */
export function readSourceTree(root: string): SourceFile[] {
  return readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((name) => `src/${name.split(path.sep).join('/')}`)
    .filter((name) => name.endsWith('.ts') && !name.includes('/generated/'))
    .sort()
    .map((name) => parseFile(name, readFileSync(path.join(root, name), 'utf8')));
}

/** Whether a path is a test or a helper of tests, which may reach into any layer. */
export function isTest(filePath: string): boolean {
  return filePath.endsWith('.test.ts') || filePath.includes('/testing/');
}

function parseFile(filePath: string, text: string): SourceFile {
  const found = [
    ...[...text.matchAll(staticImport)].map((match) => toImport(filePath, match[2] ?? '', match[1] !== undefined)),
    ...[...text.matchAll(dynamicImport)].map((match) => toImport(filePath, match[1] ?? '', false)),
  ];
  return { path: filePath, layer: layerOf(filePath), text, imports: found };
}

function toImport(from: string, specifier: string, typeOnly: boolean): Import {
  if (!specifier.startsWith('.')) {
    return { specifier, typeOnly };
  }
  return { specifier, typeOnly, target: path.posix.join(path.posix.dirname(from), specifier) };
}

/** The folder below src; a file directly in src belongs to no layer. */
export function layerOf(filePath: string): string {
  const parts = filePath.split('/');
  return parts.length > 2 ? (parts[1] ?? '') : '';
}

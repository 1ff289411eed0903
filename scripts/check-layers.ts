/** Checks that src/ keeps to the layers: run `node scripts/check-layers.ts`. The rules are in layer-rules.ts. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  allowedNeighbours,
  doorFile,
  guardedMembers,
  guardedMembersAllowed,
  guardedModules,
  layers,
  maxFileLines,
} from './layer-rules.ts';
import { type Import, isTest, layerOf, readSourceTree, type SourceFile } from './source-tree.ts';

/** One sentence for each broken rule, each starting with the path of the file; empty when all is well. */
export function findViolations(root: string): string[] {
  const files = readSourceTree(root);
  const sources = files.filter((file) => !isTest(file.path));
  return [
    ...sources.flatMap((file) => [
      ...file.imports.flatMap((imported) => importViolations(file, imported)),
      ...memberViolations(file),
      ...lengthViolations(file),
    ]),
    ...findCycles(sources),
  ];
}

function rankOf(layer: string): number {
  return layers.findIndex((line) => line.includes(layer));
}

function importViolations(file: SourceFile, imported: Import): string[] {
  if (rankOf(file.layer) === -1) {
    return [`${file.path}: "${file.layer}" is not a layer of scripts/layer-rules.ts`];
  }
  return imported.target === undefined ? moduleViolations(file, imported) : layerViolations(file, imported.target);
}

function moduleViolations(file: SourceFile, imported: Import): string[] {
  const guard = guardedModules.find((candidate) => candidate.module === imported.specifier);
  if (guard === undefined || imported.typeOnly || guard.allowed.some((prefix) => file.path.startsWith(prefix))) {
    return [];
  }
  return [`${file.path}: imports ${guard.module}; ${guard.remedy}`];
}

function layerViolations(file: SourceFile, target: string): string[] {
  const layer = layerOf(target);
  if (!target.startsWith('src/')) {
    return [`${file.path}: imports ${target}, which is outside src`];
  }
  if (layer === file.layer) {
    return [];
  }
  const found: string[] = [];
  if (!mayUse(file.layer, layer)) {
    found.push(`${file.path}: the layer "${file.layer}" must not use "${layer}" (${target})`);
  }
  if (path.posix.basename(target) !== doorFile || target.split('/').length !== 3) {
    found.push(`${file.path}: imports ${target} instead of src/${layer}/${doorFile}`);
  }
  return found;
}

function mayUse(from: string, to: string): boolean {
  const target = rankOf(to);
  return target !== -1 && (target < rankOf(from) || allowedNeighbours.has(`${from}>${to}`));
}

function memberViolations(file: SourceFile): string[] {
  if (guardedMembersAllowed.some((prefix) => file.path.startsWith(prefix))) {
    return [];
  }
  const codeLines = file.text.split('\n').filter((line) => !/^\s*(\/\/|\/\*|\*)/.test(line));
  const match = guardedMembers.exec(codeLines.join('\n'));
  return match === null ? [] : [`${file.path}: uses ${match[1]}; use the runtime, so that a seed can replay it`];
}

function lengthViolations(file: SourceFile): string[] {
  const lines = file.text.trimEnd().split('\n').length;
  return lines > maxFileLines ? [`${file.path}: has ${lines} lines; the limit is ${maxFileLines}`] : [];
}

/**
 * Depth-first search; a file met again while it is still on the path closes a cycle. Imports of types alone are left
 * out: they are gone when the program runs, so nothing can be undefined because of them.
 */
function findCycles(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const trail: string[] = [];
  const found: string[] = [];
  const visit = (current: string): void => {
    const start = trail.indexOf(current);
    if (start !== -1) {
      found.push(`${current}: is part of a cycle: ${[...trail.slice(start), current].join(' > ')}`);
      return;
    }
    const file = byPath.get(current);
    if (file === undefined || done.has(current)) {
      return;
    }
    trail.push(current);
    for (const { target, typeOnly } of file.imports) {
      if (target !== undefined && !typeOnly) {
        visit(target);
      }
    }
    trail.pop();
    done.add(current);
  };
  for (const file of files) {
    visit(file.path);
  }
  return found;
}

if (import.meta.main) {
  const violations = findViolations(fileURLToPath(new URL('..', import.meta.url)));
  for (const violation of violations) {
    console.error(violation);
  }
  process.exitCode = violations.length === 0 ? 0 : 1;
}

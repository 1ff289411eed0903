/** The checks beside the tests, by name: `node scripts/checks.ts [--fix] NAME…`. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Check {
  /** Commands, run in order until one fails. The first word is a script of the repository or a program of a package. */
  readonly commands: readonly (readonly string[])[];
  /** What repairs the files instead of only naming them. */
  readonly fix?: readonly string[];
  /** A folder that is removed first. */
  readonly clean?: string;
}

/** In the order in which CI runs them. */
export const checks: Readonly<Record<string, Check>> = {
  lint: { commands: [['biome', 'lint', '--error-on-warnings']] },
  format: {
    commands: [['biome', 'check', '--linter-enabled=false']],
    fix: ['biome', 'check', '--linter-enabled=false', '--write'],
  },
  typecheck: { commands: [['tsc', '-p', '.']] },
  layers: { commands: [['scripts/check-layers.ts']] },
  docs: { commands: [['scripts/docs.ts', '--check']] },
  proto: { commands: [['scripts/generate-proto.mjs', '--check']] },
  build: { commands: [['tsc', '-p', 'tsconfig.build.json']], clean: 'dist' },
};

function runCommand(command: readonly string[]): boolean {
  const [program = '', ...rest] = command;
  const isScript = program.includes('/');
  const file = isScript ? process.execPath : path.join(root, 'node_modules', '.bin', program);
  const argumentList = isScript ? ['--conditions=quorate-source', program, ...rest] : rest;
  return spawnSync(file, argumentList, { cwd: root, stdio: 'inherit' }).status === 0;
}

/** Runs one check, or its repair. @returns whether it passed. */
export function runCheck(name: string, fix = false): boolean {
  const check = checks[name];
  if (check === undefined) {
    throw new Error(`There is no check "${name}"; there are: ${Object.keys(checks).join(', ')}.`);
  }
  if (check.clean !== undefined) {
    rmSync(path.join(root, check.clean), { recursive: true, force: true });
  }
  return fix && check.fix !== undefined ? runCommand(check.fix) : check.commands.every(runCommand);
}

if (import.meta.main) {
  const fix = process.argv.includes('--fix');
  const names = process.argv.slice(2).filter((argument) => argument !== '--fix');
  const failed = names.filter((name) => !runCheck(name, fix));
  process.exitCode = failed.length === 0 ? 0 : 1;
}

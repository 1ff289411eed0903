// Runs the command line on a Node that has what Quorate needs: in this process, or in a child that takes its place.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { lifelineVariable } from './lifeline.mjs';
import { findPinnedNode, isSuitable, minimumNode } from './pinned-node.mjs';

const usageExitCode = 2;

const program = fileURLToPath(new URL('./quorate', import.meta.url));
const root = path.dirname(path.dirname(program));

/** Called by bin/quorate, in both processes. */
export async function launch() {
  concealSecrets();
  if (!isSuitable(process.version)) {
    relaunch();
    return;
  }
  silenceSqliteWarning();
  cacheCompiledCode();
  const { main } = await import(pathToFileURL(commandLineFile()).href);
  process.exitCode = await main(process.argv.slice(2));
}

/** Flags whose values nobody else on the machine may see; "--x-file" is none. */
const secretFlag = /^--[a-z-]*(password|token)(=|$)/;

/** What `ps` shows of a process is its title, where the system lets a process set it. */
function concealSecrets() {
  const [command = '', ...rest] = process.argv.slice(2);
  if ([command, ...rest].some((argument) => secretFlag.test(argument))) {
    process.title = command.startsWith('-') ? 'quorate' : `quorate ${command}`;
  }
}

/** A clone runs its sources; an installed package has only what was built from them. */
function commandLineFile() {
  const source = path.join(root, 'src', 'cli', 'main.ts');
  return existsSync(source) ? source : path.join(root, 'dist', 'cli', 'main.js');
}

/**
 * Keeps compiled code beside the dependencies, for this process and the ones it starts. From a clone that also saves
 * each of them the stripping of types: 40 MB of memory and two thirds of the start.
 */
function cacheCompiledCode() {
  if (process.env.NODE_COMPILE_CACHE === undefined && process.env.NODE_DISABLE_COMPILE_CACHE === undefined) {
    const parent = path.dirname(root);
    const modules = path.basename(parent) === 'node_modules' ? parent : path.join(root, 'node_modules');
    const directory = path.join(modules, '.cache', 'quorate');
    // When the folder cannot be written, Node goes on without a cache.
    nodeModule.enableCompileCache(directory);
    process.env.NODE_COMPILE_CACHE = directory;
  }
}

function relaunch() {
  const node = findPinnedNode(root);
  if (node === undefined) {
    process.stderr.write(
      `quorate: this is Node ${process.version}, and Quorate needs Node ${minimumNode} or newer.\n` +
        'Install a newer Node from https://nodejs.org, or add one to your project with "npm install --save-dev node@26"\n' +
        '(in a clone of Quorate: "npm install").\n',
    );
    process.exitCode = usageExitCode;
    return;
  }
  superviseChild(
    spawn(node, [program, ...process.argv.slice(2)], {
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      env: { ...process.env, [lifelineVariable]: '3' },
    }),
  );
}

function superviseChild(child) {
  // A terminal sends its Ctrl-C to both processes; sent on as well, it would look like an impatient second one.
  const onTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !onTerminal) {
        child.kill(signal);
      }
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`quorate: cannot start ${child.spawnfile}: ${error.message}\n`);
    process.exitCode = usageExitCode;
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + os.constants.signals[signal]);
  });
}

/** node:sqlite calls itself experimental on some versions; every other warning is still shown. */
function silenceSqliteWarning() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning?.message ?? warning).startsWith('SQLite is an experimental feature')) {
      emitWarning.call(process, warning, ...rest);
    }
  };
}

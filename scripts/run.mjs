// `node scripts/run.mjs TASK …`: what the npm scripts call. Runs on any Node >= 20 in a clone where nothing is installed.
import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { isatty } from 'node:tty';
import { lifelineVariable } from '../bin/lifeline.mjs';
import { installPackages, root, suitableNode, ToolchainError } from './toolchain.mjs';

const nodeArguments = [
  // Makes `import 'quorate'` inside the clone mean its sources.
  '--conditions=quorate-source',
  // A task does not outlive this process.
  `--import=${new URL('../bin/lifeline.mjs', import.meta.url).href}`,
];

/** Spares each process of a task, and those that it starts, the stripping of types; bin/launcher.mjs takes the same folder. */
const compileCache = path.join(root, 'node_modules', '.cache', 'quorate');

/** A task without a file is done when everything is installed. */
const tasks = {
  install: {},
  start: { file: 'src/demo/start.ts' },
  test: { file: 'scripts/test.ts' },
  simulate: { file: 'test/simulation/main.ts' },
  bench: { file: 'bench/main.ts' },
  lint: { file: 'scripts/checks.ts', argumentList: ['lint', 'layers'] },
  format: { file: 'scripts/checks.ts', argumentList: ['--fix', 'format'] },
  typecheck: { file: 'scripts/checks.ts', argumentList: ['typecheck'] },
  build: { file: 'scripts/checks.ts', argumentList: ['build'] },
  docs: { file: 'scripts/docs.ts' },
  proto: { file: 'scripts/generate-proto.mjs' },
  example: { file: 'scripts/example.ts' },
  ci: { file: 'scripts/ci.ts' },
};

function runTask(node, { file, argumentList = [] }, extra) {
  const bin = path.join(root, 'node_modules', '.bin');
  // Whatever a task starts by the name "node" must be the same Node.
  const searchPath = [path.dirname(node), bin, process.env.PATH].join(path.delimiter);
  const child = spawn(node, [...nodeArguments, path.join(root, file), ...argumentList, ...extra], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env, PATH: searchPath, [lifelineVariable]: '3' },
  });
  // A terminal sends its Ctrl-C to both processes; sent on as well, it would look like an impatient second one.
  const onTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !onTerminal) {
        child.kill(signal);
      }
    });
  }
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + os.constants.signals[signal];
  });
}

function main([name, ...extra]) {
  const task = tasks[name];
  if (task === undefined) {
    throw new ToolchainError(`Unknown task ${name ?? '(none)'}. There are: ${Object.keys(tasks).join(', ')}.`);
  }
  installPackages();
  const node = suitableNode();
  if (task.file !== undefined) {
    runTask(node, task, extra);
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ToolchainError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
